"""argocd/ by ArgoCD's own generators, against cluster secrets as Terraform writes them and a stub of GitHub's pull request API.

    argocd.py APPSET HELM OUT       what the Applications would install goes to OUT, for the schemas
"""
import fnmatch
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

import yaml

APPSET, HELM, OUT = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
wrong = []

FACTS = {
    'cluster': 'flumen-{env}', 'region': 'eu-central-1', 'environment': '{env}', 'account-id': '111111111111', 'vpc-id': 'vpc-1', 'load-balancer.sg': 'sg-1',
    'load-balancer.subnets': 'subnet-1,subnet-2', 'backups.bucket': 'b', 'image.registry': '111111111111.dkr.ecr.eu-central-1.amazonaws.com/flumen',
    'kafka.bootstrap.iam': 'b-1.example:9098', 'kafka.bootstrap.scram': 'b-1.example:9096,b-2.example:9096', 'database.host': 'db.example',
    'database.reader-host': 'db-ro.example', 'database.name': 'flumen', 'database.admin-secret-arn': 'arn:aws:secretsmanager:eu-central-1:111111111111:secret:rds-1',
    'domain': '{env}.events.example.com', 'zone-id': 'Z1', 'certificate-arn': 'arn:aws:acm:eu-central-1:111111111111:certificate/1', 'secrets-prefix': 'flumen-{env}',
}
PLATFORM = ('external-secrets', 'aws-load-balancer-controller', 'external-dns', 'cert-manager', 'cluster-autoscaler')


def cluster(env, by='terraform', **more):
    """The secret in-cluster, as terraform/modules/kubernetes writes it."""
    return {'name': 'in-cluster', 'server': 'https://kubernetes.default.svc',
            'labels': {'argocd.argoproj.io/secret-type': 'cluster', 'flumen.dev/environment': env} | {f'platform.flumen.dev/{c}': by for c in PLATFORM},
            'annotations': {f'flumen.dev/{k}': v.format(env=env) for k, v in FACTS.items()} | more}


class GitHub(http.server.BaseHTTPRequestHandler):
    pulls, status = [], 200

    def do_GET(self):
        ours = self.path.split('?')[0] == '/api/v3/repos/acme/flumen/pulls'
        body = json.dumps(self.pulls if ours and self.status == 200 else {'message': 'no'}).encode()
        self.send_response(self.status if ours else 404)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def pull(number, *labels):
    return {'number': number, 'title': 'a change', 'user': {'login': 'ada'}, 'labels': [{'name': n} for n in labels],
            'head': {'ref': 'feature/x', 'sha': f'{number:040x}'}, 'base': {'ref': 'main'}}


def generate(file, clusters, github=None):
    """(applications, error)"""
    with tempfile.NamedTemporaryFile('w', suffix='.json') as given:
        json.dump(clusters, given)
        given.flush()
        done = subprocess.run([APPSET, f'argocd/{file}', given.name, *([github] if github else [])], capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.strip() if done.returncode else ''


def expect(claim, true, seen=''):
    if not true:
        wrong.append(f'not so: {claim}. {seen}')


def documents(path):
    return [d for d in yaml.safe_load_all(path.read_text()) if d]


PROJECTS = {d['metadata']['name']: d['spec'] for d in documents(pathlib.Path('argocd/projects.yaml'))}


def allowed(application):
    """Whether its project lets it be."""
    spec, name = application['spec'], application['metadata']['name']
    project = PROJECTS.get(spec['project'])
    if project is None:
        wrong.append(f"{name}: there is no project {spec['project']}")
        return
    for source in spec.get('sources') or [spec['source']]:
        expect(f"{name}: project {spec['project']} allows {source['repoURL']}", source['repoURL'] in project['sourceRepos'])
    to = spec['destination']
    expect(f'{name}: its project allows namespace {to["namespace"]}',
           any(fnmatch.fnmatchcase(to['namespace'], d['namespace']) and to['server'] == d['server'] for d in project['destinations']))


def render(application, name):
    """What ArgoCD would have Helm make of it."""
    spec = application['spec']
    source = spec['source']
    with tempfile.NamedTemporaryFile('w', suffix='.yaml') as values:
        values.write(source['helm']['values'])
        values.flush()
        args = [a for f in source['helm']['valueFiles'] for a in ('-f', f"{source['path']}/{f}")]
        done = subprocess.run([HELM, 'template', source['helm']['releaseName'], source['path'], '--namespace', spec['destination']['namespace'],
                               '--kube-version', '1.35.0', *args, '-f', values.name], capture_output=True, text=True)
    if done.returncode:
        wrong.append(f'{name}: {done.stderr.strip()}')
        return
    (OUT / f'{name}.yaml').write_text(done.stdout)
    project = PROJECTS[spec['project']]
    for doc in yaml.safe_load_all(done.stdout):
        if doc and doc['kind'] in ('Namespace', 'ClusterRole', 'ClusterRoleBinding', 'PriorityClass', 'ClusterIssuer'):
            expect(f"{name}: its project allows a {doc['kind']}", any(w['kind'] == doc['kind'] for w in project['clusterResourceWhitelist']))
        if doc and doc['metadata'].get('namespace', spec['destination']['namespace']) != spec['destination']['namespace']:
            wrong.append(f"{name}: {doc['kind']} {doc['metadata']['name']} is in another namespace")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), GitHub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    github = f'http://127.0.0.1:{server.server_port}/'
    seen = []

    for env in ('staging', 'production'):
        apps, error = generate('flumen.yaml', [cluster(env)])
        expect(f'one Application for {env}', len(apps) == 1, error or apps)
        for app in apps:
            expect(f'{env} follows its own values', app['spec']['source']['helm']['valueFiles'] == [f'values-{env}.yaml'])
            expect(f'{env} is the chart of the right branch', app['spec']['source']['targetRevision'] == {'staging': 'main', 'production': 'production'}[env])
            render(app, f'flumen-{env}')
        seen += apps
    irsa, error = generate('flumen.yaml', [cluster('staging', **{'flumen.dev/role.writer': 'arn:aws:iam::1:role/w'})])
    expect('with IRSA the service account has its role', irsa and 'eks.amazonaws.com/role-arn: "arn:aws:iam::1:role/w"' in irsa[0]['spec']['source']['helm']['values'], error)
    for app in irsa:
        render(app, 'flumen-irsa')

    names = lambda apps: {a['metadata']['name'] for a in apps}
    own = {'trust-manager', 'keda', 'argo-rollouts', 'kube-prometheus-stack'}
    apps, error = generate('platform.yaml', [cluster('staging')])
    expect('what Terraform installed is left to it', names(apps) == own, error or names(apps))
    apps, error = generate('platform.yaml', [cluster('staging', by='argocd')])
    expect('what Terraform left is installed', names(apps) == own | {'external-secrets', 'aws-load-balancer-controller', 'external-dns', 'cert-manager'}, error or names(apps))
    seen += apps
    for app in apps:
        for file in app['spec']['sources'][0]['helm']['valueFiles']:
            path = pathlib.Path(file.replace('$values/', ''))
            expect(f'{path} is there', path.exists() and isinstance(yaml.safe_load(path.read_text()), dict))
        facts = yaml.safe_load(app['spec']['sources'][0]['helm'].get('values') or '') or {}
        expect(f"{app['metadata']['name']}: facts are values", isinstance(facts, dict), facts)
        expect(f"{app['metadata']['name']} is pinned", not any(c in app['spec']['sources'][0]['targetRevision'] for c in '*^~<>x'))

    staging = [cluster('staging')]
    GitHub.pulls = [pull(42, 'preview'), pull(43), pull(44, 'bug')]
    apps, error = generate('previews.yaml', staging, github)
    expect('an open pull request with the label is one Application', names(apps) == {'preview-42'}, error or names(apps))
    for app in apps:
        spec = app['spec']
        expect('it has a namespace of its own', spec['destination']['namespace'] == 'pr-42')
        expect('its host is fb-42', 'fb-42.staging.events.example.com' in spec['source']['helm']['values'])
        expect('its images are of its commit', f'pr-42-{42:040x}' in spec['source']['helm']['values'], spec['source']['helm']['values'])
        expect('it takes all it made with it', app['metadata']['finalizers'] == ['resources-finalizer.argocd.argoproj.io'])
        expect('its namespace is the chart\'s', 'CreateNamespace=false' in spec['syncPolicy']['syncOptions'])
        render(app, 'preview-42')
    seen += apps
    GitHub.pulls = [pull(43)]
    apps, error = generate('previews.yaml', staging, github)
    expect('a closed pull request is no Application, and no error', not apps and not error, error or names(apps))
    for status in (500, 403, 404):
        GitHub.status = status
        apps, error = generate('previews.yaml', staging, github)
        expect(f'when GitHub answers {status} there is an error, and so nothing to delete by', error and not apps, names(apps))
    GitHub.status, GitHub.pulls = 200, [pull(42, 'preview')]
    apps, error = generate('previews.yaml', [cluster('production')], github)
    expect('production has no previews', not apps and not error, error or names(apps))

    for app in seen:
        allowed(app)
    for file in pathlib.Path('argocd').glob('*.yaml'):
        for doc in documents(file):
            if doc['kind'] == 'Application':
                allowed(doc)
    (OUT / 'applications.yaml').write_text(''.join('---\n' + yaml.safe_dump({k: v for k, v in app.items() if k != 'status'}) for app in seen))
    for line in wrong:
        print(line)
    if wrong:
        sys.exit(1)
    print(f'{len(seen)} Applications')


if __name__ == '__main__':
    main()
