#!/usr/bin/env python3
"""Reads Terraform provider schemas out of the CDK bindings published on PyPI (cdktn-provider-*).

usage: provider_schema.py LIB_DIR OUT.json

LIB_DIR is `package/lib` of the *.jsii.tgz inside the wheel. OUT.json maps provider, resources and data sources to
{attributes, block_types}: names, types, required/optional/computed and nesting, nothing else.

The generated classes say everything twice: a comment above each accessor tells computed, optional and required, and the
function <Name>ToHclTerraform tells block or attribute, collection and element type. Blocks of a provider's own configuration have the
second only; their members count as optional.
"""
import json
import os
import re
import sys

GETTER_TYPES = {
    'String': 'string', 'Number': 'number', 'Boolean': 'bool',
    'StringMap': ['map', 'string'], 'NumberMap': ['map', 'number'], 'BooleanMap': ['map', 'bool'], 'AnyMap': ['map', 'dynamic'],
    'List': ['list', 'string'], 'NumberList': ['list', 'number'], 'StringMapList': ['list', ['map', 'string']],
}
STORAGE_TYPES = {
    'string': 'string', 'number': 'number', 'boolean': 'bool', 'stringList': 'string', 'numberList': 'number',
    'booleanList': 'bool', 'stringMap': 'string', 'numberMap': 'number', 'booleanMap': 'bool', 'anyMap': 'dynamic', 'any': 'dynamic',
}
FIELD = re.compile(r'^    // (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n(?=((?:.*\n){1,4}))', re.M)
HCL = re.compile(r'^ {8,12}(\w+): \{\n\s+value: .*\n\s+isBlock: (true|false),\n\s+type: "(\w+)",\n\s+storageClassType: "(\w+)"', re.M)


def fields(text):
    return {m[1]: dict(computed=m[2] == 'true', optional=m[3] == 'true', required=m[4] == 'true', body=m[5]) for m in FIELD.finditer(text)}


def hcl(text):
    return {m[1]: (m[2] == 'true', m[3], m[4]) for m in HCL.finditer(text)}


def parse(path):
    text = open(path).read()
    classes = {m[1]: m[2] for m in re.finditer(r'^class (\w+) extends cdkt[nf]\.\w+ \{\n(.*?)^\}\n', text, re.M | re.S)}
    functions = {m[1].lower(): m[2] for m in re.finditer(r'^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)^\}\n', text, re.M | re.S)}
    main = [body for body in classes.values() if 'static tfResourceType' in body]
    if not main:
        return None
    known = {c[:-15].lower() for c in classes if c.endswith('OutputReference')} | set(functions)

    def struct(name):
        shapes = hcl(functions.get(name.lower(), ''))
        found = fields(classes.get(name + 'OutputReference', '')) or {
            member: dict(computed=False, optional=True, required=False, body='') for member in shapes}
        return build(found, shapes)

    def as_object(name):
        block = struct(name)
        members = {k: v['type'] for k, v in block['attributes'].items()}
        members.update({k: [v['nesting_mode'] if v['nesting_mode'] != 'single' else 'list', ['object', {}]] for k, v in block['block_types'].items()})
        return ['object', members]

    def build(found, shapes):
        attributes, blocks = {}, {}
        for name, field in found.items():
            shape = shapes.get(name)
            ref = re.search(r'= new (\w+?)(List|Map|OutputReference)\(this, "\w+"', field['body'])
            if shape and shape[0]:
                target = shape[2]
                if target.lower() not in known:
                    target = re.sub(r'(List|Map|OutputReference)$', '', target)
                blocks[name] = dict(nesting_mode={'struct': 'single'}.get(shape[1], shape[1]), min_items=int(field['required']), block=struct(target))
                continue
            if ref:
                kind = shape[1] if shape else {'List': 'list', 'Map': 'map', 'OutputReference': 'struct'}[ref[2]]
                element = as_object(ref[1]) if ref[1] + 'OutputReference' in classes else 'dynamic'
                type_ = element if kind == 'struct' else [kind, element]
            elif shape:
                type_ = STORAGE_TYPES.get(shape[2], 'dynamic') if shape[1] == 'simple' else [shape[1], STORAGE_TYPES.get(shape[2], 'dynamic')]
            else:
                getter = re.search(r'this\.get(\w+?)Attribute\(', field['body'])
                type_ = GETTER_TYPES.get(getter[1], 'dynamic') if getter else 'dynamic'
            attributes[name] = {'type': type_, **{flag: True for flag in ('computed', 'optional', 'required') if field[flag]}}
        return dict(attributes=attributes, block_types=blocks)

    body = main[0]
    return re.search(r'tfResourceType = "(\w+)"', body)[1], build(fields(body), hcl(body[body.find('synthesizeHclAttributes'):]))


def main(lib, out):
    resources, data, provider = {}, {}, {}
    for entry in sorted(os.listdir(lib)):
        path = f'{lib}/{entry}/index.js'
        parsed = parse(path) if os.path.exists(path) else None
        if parsed:
            (provider if entry == 'provider' else data if entry.startswith('data-') else resources)[parsed[0]] = parsed[1]
    with open(out, 'w') as handle:
        json.dump(dict(provider=provider, resources=resources, data=data), handle)
    print(f'{out}: {len(resources)} resources, {len(data)} data sources')


if __name__ == '__main__':
    main(*sys.argv[1:3])
