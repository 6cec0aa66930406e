"""Writes the schemas of Kubernetes' own kinds as single files, since kubeconform does not follow their references on disk.

    core.py OUT VERSION ...        (from the package kubernetes-validate)
"""
import json
import pathlib
import sys

import kubernetes_validate

KINDS = '''clusterrole-rbac-v1 clusterrolebinding-rbac-v1 configmap-v1 cronjob-batch-v1 deployment-apps-v1 horizontalpodautoscaler-autoscaling-v2
ingress-networking-v1 job-batch-v1 limitrange-v1 namespace-v1 networkpolicy-networking-v1 poddisruptionbudget-policy-v1 priorityclass-scheduling-v1
resourcequota-v1 role-rbac-v1 rolebinding-rbac-v1 secret-v1 service-v1 serviceaccount-v1 statefulset-apps-v1 storageclass-storage-v1'''.split()


def main():
    out = pathlib.Path(sys.argv[1])
    root = pathlib.Path(kubernetes_validate.__file__).parent / 'kubernetes-json-schema'
    for version in sys.argv[2:]:
        folder = root / f'v{version}-local-strict'
        definitions = json.loads((folder / '_definitions.json').read_text())['$defs']

        def inline(node):
            if isinstance(node, list):
                return [inline(item) for item in node]
            if not isinstance(node, dict):
                return node
            if isinstance(node.get('$ref'), str):
                return inline(definitions[node['$ref'].rsplit('/', 1)[1]])
            return {k: inline(v) for k, v in node.items() if not (k == 'description' and isinstance(v, str)) and k != 'format'}

        to = out / f'v{version}'
        to.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            (to / f'{kind}.json').write_text(json.dumps(inline(json.loads((folder / f'{kind}.json').read_text()))))


if __name__ == '__main__':
    main()
