"""Turns CRDs into JSON schemas for kubeconform: one file for each kind and version, unknown fields refused, descriptions left out.

    crds.py OUT FOLDER KIND ...
"""
import json
import pathlib
import sys

import yaml

LOADER = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
# A lone `=` is a value of its own in YAML 1.1; here it is text.
LOADER.add_constructor('tag:yaml.org,2002:value', lambda loader, node: loader.construct_scalar(node))


def strict(schema):
    """The schema as the API server with strict field validation reads it."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key == 'description' and isinstance(value, str):
            continue
        if key == 'properties':
            out[key] = {name: strict(prop) for name, prop in value.items()}
        elif key in ('x-kubernetes-validations', 'default', 'format', 'example'):
            continue
        else:
            out[key] = strict(value)
    if 'properties' in out and 'additionalProperties' not in out and not out.get('x-kubernetes-preserve-unknown-fields'):
        out['additionalProperties'] = False
    if out.get('x-kubernetes-int-or-string'):
        out.pop('type', None)
        out.pop('anyOf', None)
        out.pop('pattern', None)
        out['type'] = ['integer', 'string']
    if out.pop('nullable', False) and isinstance(out.get('type'), str):
        out['type'] = [out['type'], 'null']
    return {k: v for k, v in out.items() if not k.startswith('x-kubernetes-')}


def main():
    out, folder, kinds = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), set(sys.argv[3:])
    found = set()
    for path in sorted(folder.rglob('*.yaml')):
        for doc in yaml.load_all(path.read_text(), Loader=LOADER):
            if not doc or doc.get('kind') != 'CustomResourceDefinition':
                continue
            kind, group = doc['spec']['names']['kind'], doc['spec']['group']
            if kind not in kinds:
                continue
            for version in doc['spec']['versions']:
                if not version.get('served') or 'schema' not in version:
                    continue
                schema = strict(version['schema']['openAPIV3Schema'])
                schema['properties']['metadata'] = {'type': 'object'}
                schema['properties'].pop('status', None)
                found.add(kind)
                name = f"{kind.lower()}_{group}_{version['name']}.json"
                (out / name).write_text(json.dumps(schema, separators=(',', ':'), sort_keys=True) + '\n')
    if missing := kinds - found:
        sys.exit(f'{folder}: no CRD of {", ".join(sorted(missing))}')


if __name__ == '__main__':
    main()
