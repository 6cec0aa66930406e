"""README.md and values.schema.json of a chart, from the comments (`# -- ..`) and defaults of its values.yaml.

The schema refuses every key that values.yaml does not have; what may hold anything is in OPEN, what has few values in ENUMS.
"""
import json
import pathlib
import re
import sys

import yaml

# Maps and lists whose content is the user's.
OPEN = re.compile(r'(\.|^)(config|env|podLabels|podAnnotations|nodeSelector|tolerations|affinity|commonLabels|annotations|serviceAccountAnnotations|'
                  r'resources|labels|cronJobs|pullSecrets|edge|to|traces|allow|ports)$')
ENUMS = {
    'environment': ['dev', 'preview', 'staging', 'production'],
    'hooks': ['helm', 'argocd', 'none'],
    'image.pullPolicy': ['IfNotPresent', 'Always', 'Never'],
    'spreadOverNodes': ['ScheduleAnyway', 'DoNotSchedule'],
    'kafka.security.protocol': ['plaintext', 'tls'],
    'kafka.security.authentication': ['none', 'scram-sha-256', 'scram-sha-512', 'aws-iam'],
    'database.kind': ['external', 'cnpg', 'dev'],
    'database.sslMode': ['disable', 'require', 'verify-full'],
    'secrets.mode': ['existing', 'external'],
    'writer.kind': ['StatefulSet', 'Deployment'],
    'writer.keda.authentication': ['none', 'scram', 'iam'],
    'ingress.kind': ['alb', 'nginx', 'gateway'],
    'ingress.scheme': ['internal', 'internet-facing'],
}
PATTERNS = {
    r'^image\.tag$': '^[A-Za-z0-9_.-]{0,128}$',
    r'^image\.digests\.': '^(sha256:[0-9a-f]{64})?$',
    r'\.image$': '^[^:@ ]+(:[0-9]+)?[^:@ ]*(:[A-Za-z0-9_.-]+|@sha256:[0-9a-f]{64})$',
    r'\.(retention|timeout|interval|refreshInterval|olderThan)$': '^([0-9]+(ms|s|m|h|d|w))?$',
    r'^preview\.number$': '^[0-9]*$',
    r'^monitoring\.runbookBase$': r'^https?://[^\s/]+(/[^\s/]+)*/?$',
    r'\.schedule$': r'^\S+ \S+ \S+ \S+ \S+$',
    r'^kafka\.brokers$|keda\.brokers$': r'^([^\s,:]+:[0-9]+(,[^\s,:]+:[0-9]+)*)?$',
}
CRON = {'type': 'object', 'additionalProperties': {
    'type': 'object', 'additionalProperties': False, 'required': ['schedule', 'args'],
    'properties': {'schedule': {'type': 'string', 'pattern': PATTERNS[r'\.schedule$']}, 'args': {'type': 'array', 'minItems': 1, 'items': {'type': 'string'}},
                   'activeDeadlineSeconds': {'type': 'integer', 'minimum': 1}}}}


def comments(text):
    """Path of each key -> its `# --` comment."""
    found, stack, pending = {}, [], []
    for line in text.splitlines():
        if re.match(r'\s*# -- ', line):
            pending = [line.strip()[5:]]
        elif re.match(r'\s*# ', line) and pending:
            pending.append(line.strip()[2:])
        elif m := re.match(r'( *)([A-Za-z0-9-]+):', line):
            depth = len(m[1]) // 2
            stack = stack[:depth] + [m[2]]
            if pending:
                found['.'.join(stack)] = ' '.join(pending)
            pending = []
        else:
            pending = []
    return found


def schema(value, path, said):
    out = {}
    if path in said:
        out['description'] = said[path]
    if path == 'cronJobs':
        return CRON | out
    if path in ENUMS:
        return out | {'enum': ENUMS[path]}
    if isinstance(value, bool):
        return out | {'type': 'boolean'}
    if isinstance(value, int):
        if path.endswith('maxUnavailable'):
            return out | {'type': ['integer', 'string'], 'pattern': '^([0-9]+%?)?$'}
        return out | {'type': 'integer', 'minimum': 0}
    if isinstance(value, float):
        return out | {'type': 'number', 'minimum': 0}
    if isinstance(value, list):
        return out | {'type': 'array'}
    if isinstance(value, dict):
        if OPEN.search(path):
            return out | {'type': 'object'}
        if path.endswith('.shutdown'):
            return out | {'type': 'object', 'additionalProperties': {'type': 'string', 'pattern': '^[0-9]+s$'}}
        return out | {'type': 'object', 'additionalProperties': False,
                      'properties': {k: schema(v, f'{path}.{k}' if path else k, said) for k, v in value.items()}}
    out['type'] = 'string'
    for where, pattern in PATTERNS.items():
        if re.search(where, path):
            out['pattern'] = pattern
    if re.search(r'image(\.tag)?$', path):
        out['not'] = {'pattern': '(^|:)latest$'}
    return out


def rows(value, path, said):
    for key, inner in value.items():
        at = f'{path}.{key}' if path else key
        if isinstance(inner, dict) and inner and at not in said:
            yield from rows(inner, at, said)
        elif at in said:
            default = json.dumps(inner).replace('|', '\\|')
            yield f'| `{at}` | {said[at]} | `{default}` |'
        else:
            sys.exit(f'values.yaml: {at} has no comment (# -- ..)')


def readme(chart, values, said):
    return f'''# {chart['name']}

{chart['description']}. Version {chart['version']}, for Kubernetes {chart['kubeVersion'].split('-')[0]} and Helm 3 or 4.

    helm install flumen charts/flumen --namespace flumen --create-namespace -f charts/flumen/values-kind.yaml

One release in a namespace: objects have fixed names, and rights in AWS go by the names of service accounts. How to deploy with each of the
values files, from a laptop to EKS, is in `docs/deploy.md`; this page is written from the comments of `values.yaml` by `scripts/deploy-chart-docs`.

| file | for |
|---|---|
| `values-kind.yaml` | a cluster on a laptop |
| `values-preview.yaml` | one pull request, with its own PostgreSQL and Kafka |
| `values-staging.yaml`, `values-production.yaml` | EKS, MSK, RDS |
| `values-cnpg-strimzi.yaml` | PostgreSQL by CloudNativePG, Kafka by Strimzi |
| `values-bitnami.yaml` | a database of the Bitnami chart; unsupported, for moving away |

## Values

| value | what | default |
|---|---|---|
''' + '\n'.join(rows(values, '', said)) + '\n'


def main():
    folder = pathlib.Path(sys.argv[1])
    text = (folder / 'values.yaml').read_text()
    values, said, chart = yaml.safe_load(text), comments(text), yaml.safe_load((folder / 'Chart.yaml').read_text())
    root = {'$schema': 'http://json-schema.org/draft-07/schema#', 'title': 'Values of ' + chart['name']} | schema(values, '', said)
    # Helm's own: values for all charts, and those of the library.
    root['properties'] |= {'global': {'type': 'object'}, 'common': {'type': 'object'}}
    wrong = []
    for name, content in {'values.schema.json': json.dumps(root, indent=1) + '\n', 'README.md': readme(chart, values, said)}.items():
        path = folder / name
        if '--check' not in sys.argv:
            path.write_text(content)
        elif not path.exists() or path.read_text() != content:
            wrong.append(str(path))
    if wrong:
        sys.exit(f'{", ".join(wrong)}: not what values.yaml says: run scripts/deploy-chart-docs')


if __name__ == '__main__':
    main()
