"""scripts/smoke against what it would meet: a real pipeline behind nginx with TLS, real kubectl, and an API server on loopback that gives the
rights of terraform's role flumen:smoke and no others. Each thing that can be wrong must turn it red, by name.

    outside.py BIN      run by scripts/with-stack
"""
import copy
import http.server
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import threading

import live
import yaml

ROOT = live.ROOT
RIGHTS = ROOT / 'terraform/modules/kubernetes/charts/foundation/templates/smoke-test-rights.yaml'


def condition(kind, status='True', **more):
    return {'type': kind, 'status': status, **more}


def thing(name, spec=None, **status):
    return {'metadata': {'name': name}, 'spec': spec or {}, 'status': status}


def application(name, health='Healthy', sync='Synced', **more):
    return thing(name, health={'status': health, **more}, sync={'status': sync, 'revision': 'a' * 40})


WELL = {
    'argoproj.io/applications': [application(n) for n in ('root', 'trust', 'keda', 'argo-rollouts', 'kube-prometheus-stack', 'flumen')],
    'argoproj.io/applicationsets': [thing('flumen', conditions=[condition('ErrorOccurred', 'False'), condition('ResourcesUpToDate')])],
    'argoproj.io/rollouts': [thing(n, {'replicas': 2}, readyReplicas=2, phase='Healthy') for n in ('ingest-api', 'query-api')],
    'external-secrets.io/clustersecretstores': [thing('aws-secrets-manager', conditions=[condition('Ready')])],
    'external-secrets.io/externalsecrets': [thing(n, conditions=[condition('Ready', reason='SecretSynced')]) for n in ('flumen-keys', 'writer-config')],
    'cert-manager.io/certificates': [thing('flumen-internal-ca', conditions=[condition('Ready')])],
    'cert-manager.io/clusterissuers': [thing('flumen-internal-ca', conditions=[condition('Ready')])],
    'networking.k8s.io/ingresses': [thing('flumen', loadBalancer={'ingress': [{'hostname': 'lb.example'}]})],
    'apps/deployments': [],
    'apps/statefulsets': [thing(n, {'replicas': 1}, readyReplicas=1) for n in ('writer', 'alert-relay')],
    'batch/jobs': [thing('migrate', conditions=[condition('Complete')])],
    '/nodes': [thing(f'node-{n}', conditions=[condition('Ready')]) for n in (1, 2)],
}


def rights():
    text = re.sub(r'\{\{.*?\}\}', 'group', RIGHTS.read_text())
    role = next(d for d in yaml.safe_load_all(text) if d['kind'] == 'ClusterRole')
    return {f'{group}/{resource}' for rule in role['rules'] if 'list' in rule['verbs'] for group in rule['apiGroups'] for resource in rule['resources']}


class Api(http.server.BaseHTTPRequestHandler):
    """As much of the Kubernetes API as somebody needs who may list."""
    protocol_version = 'HTTP/1.1'
    world, allowed, asked, may_read_secrets, settles = {}, set(), [], False, None

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = self.path.split('?')[0]
        match = re.fullmatch(r'/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/[^/]+)?/(?P<what>[a-z]+)', path)
        if self.headers.get('Authorization') != 'Bearer smoke':
            return self.answer(401, {'kind': 'Status', 'status': 'Failure', 'message': 'who are you', 'reason': 'Unauthorized', 'code': 401})
        key = f"{match['group'] or ''}/{match['what']}" if match else path
        Api.asked.append(key)
        if key not in self.allowed:
            return self.answer(403, {'kind': 'Status', 'status': 'Failure', 'message': f'{key} is forbidden', 'reason': 'Forbidden', 'code': 403})
        if Api.settles and Api.asked.count('argoproj.io/applications') > 2:
            Api.world, Api.settles = Api.settles, None
        return self.answer(200, {'kind': 'List', 'apiVersion': 'v1', 'items': self.world.get(key, [])})

    def do_POST(self):
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self.answer(201, {'kind': 'SelfSubjectAccessReview', 'status': {'allowed': Api.may_read_secrets}})

    def log_message(self, *_):
        pass


class Open(http.server.BaseHTTPRequestHandler):
    """A door behind which everything answers."""
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_):
        pass


def stubs(folder, api, authority):
    """aws, as far as the script asks it; it answers only to the names of this environment."""
    kubeconfig = {'apiVersion': 'v1', 'kind': 'Config', 'current-context': 'c', 'contexts': [{'name': 'c', 'context': {'cluster': 'c', 'user': 'u'}}],
                  'clusters': [{'name': 'c', 'cluster': {'server': api, 'certificate-authority': str(authority)}}], 'users': [{'name': 'u', 'user': {'token': 'smoke'}}]}
    facts = {'cluster': {'name': 'flumen-staging', 'region': 'eu-central-1'}, 'facts': {'domain': 'staging.events.example.com'}}
    answers = {'facts': {'Parameter': {'Value': json.dumps(facts)}}, 'tokens': {'SecretString': json.dumps(live.STATE['keys'])}, 'kubeconfig': kubeconfig}
    for name, content in answers.items():
        (folder / name).write_text(json.dumps(content))
    bin_ = folder / 'bin'
    bin_.mkdir()
    (bin_ / 'aws').write_text(f'''#!/bin/sh
case "$*" in
  "ssm get-parameter --name /flumen-staging/facts "*) cat {folder}/facts ;;
  "eks update-kubeconfig --name flumen-staging --region eu-central-1 --kubeconfig "*) for last; do :; done; cp {folder}/kubeconfig "$last" ;;
  "secretsmanager get-secret-value --secret-id flumen-staging/smoke "*) cat {folder}/tokens ;;
  *) echo "an error occurred (AccessDenied): $*" >&2; exit 254 ;;
esac
''')
    (bin_ / 'aws').chmod(0o755)
    (bin_ / 'kubectl').symlink_to(live.tool('kubectl'))
    return bin_


def serve_tls(handler, folder, name, days):
    """A server on loopback: its port, and its certificate, which is its own authority."""
    certificate, key = folder / f'{name}.crt', folder / f'{name}.key'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate,
                    '-days', str(days), '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port, certificate


def main():
    binaries = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        os.chmod(folder, 0o755)
        try:
            check(folder, binaries)
        finally:
            for process, _ in live.started:
                if process.poll() is None:
                    live.stop(process)


def check(folder, binaries):
    base, ca, _ = live.open_door(folder)
    Api.allowed = rights()
    port, authority = serve_tls(Api, folder, 'api', 1)
    path = stubs(folder, f'https://127.0.0.1:{port}', authority)
    env = {k: v for k, v in os.environ.items() if k not in ('KUBECONFIG', 'FLUMEN_PRODUCER_KEY', 'FLUMEN_READER_KEY', 'FLUMEN_STATE')}
    env |= {'PATH': f"{path}:{os.environ['PATH']}", 'FLUMEN': str(binaries / 'flumen'), 'PAUSE': '0.1', 'HOME': str(folder), 'NO_PROXY': '*', 'no_proxy': '*'}

    def smoke(*args, **more):
        command = [ROOT / 'scripts/smoke', 'staging', '--ingest-url', base, '--query-url', base, '--ca', ca, '--wait', '0', *args]
        done = subprocess.run([str(c) for c in command], env=env | more, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def world(change=None):
        Api.world, Api.asked, Api.settles = copy.deepcopy(WELL), [], None
        if change:
            change(Api.world)

    def expect(what, status, *said, result):
        missing = [s for s in said if s not in result[1]]
        if result[0] != status or missing:
            live.fail(f'{what}: status {result[0]}, wanted {status} and {missing or said}:\n{result[1]}')

    # All is well; and it asked for nothing that the role does not give.
    world()
    expect('all is well', 0, 'staging is well', result=smoke())
    beyond = set(Api.asked) - Api.allowed
    if beyond:
        live.fail(f'it asks for what the role does not give: {beyond}')
    idle = {'argoproj.io', 'external-secrets.io', 'cert-manager.io', 'networking.k8s.io'} - {k.split('/')[0] for k in Api.asked}
    if idle:
        live.fail(f'it never looked at {idle}')

    def put(key, item, index=0):
        def change(w):
            w[key][index] = item
        return change

    def drop(key):
        return lambda w: w.pop(key)
    flumen = len(WELL['argoproj.io/applications']) - 1
    red = [
        ('a degraded application', put('argoproj.io/applications', application('keda', 'Degraded', message='no pods'), 2), 'application keda is Degraded: no pods'),
        ('an application out of sync', put('argoproj.io/applications', application('flumen', sync='OutOfSync'), flumen), 'application flumen is OutOfSync'),
        ('no application at all', drop('argoproj.io/applications'), 'there is no application flumen'),
        ('a set that cannot generate', put('argoproj.io/applicationsets', thing('previews', conditions=[condition('ErrorOccurred', message='GitHub: 401')])), 'application set previews: GitHub: 401'),
        ('a secret that is not synced', put('external-secrets.io/externalsecrets', thing('writer-config', conditions=[condition('Ready', 'False', reason='SecretSyncedError', message='no such secret')])),
         'external secret writer-config is not ready: SecretSyncedError no such secret'),
        ('a secret nobody has looked at', put('external-secrets.io/externalsecrets', thing('writer-config')), 'nobody has looked at it yet'),
        ('no store', drop('external-secrets.io/clustersecretstores'), 'there is no cluster secret store'),
        ('a certificate that is not issued', put('cert-manager.io/certificates', thing('door', conditions=[condition('Ready', 'False', reason='Pending')])), 'certificate door is not ready: Pending'),
        ('a node that is gone', put('/nodes', thing('node-1', conditions=[condition('Ready', 'Unknown')])), 'node node-1 is not ready'),
        ('a rollout without its pods', put('argoproj.io/rollouts', thing('ingest-api', {'replicas': 2}, readyReplicas=1, phase='Progressing')), 'rollout ingest-api: 1 of 2 pods are ready'),
        ('a rollout that was taken back', put('argoproj.io/rollouts', thing('ingest-api', {'replicas': 2}, readyReplicas=2, phase='Degraded', message='aborted')), 'rollout ingest-api is Degraded: aborted'),
        ('no writer', drop('apps/statefulsets'), 'writer is not deployed'),
        ('a failed migration', put('batch/jobs', thing('migrate', conditions=[condition('Failed', message='BackoffLimitExceeded')])), 'job migrate has failed: BackoffLimitExceeded'),
        ('a load balancer that is not there', put('networking.k8s.io/ingresses', thing('flumen')), 'ingress flumen has no address'),
    ]
    for what, change, said in red:
        world(change)
        expect(what, 1, said, 'staging is not well', result=smoke('--only', 'cluster'))

    # What waits for people is said and is no fault; what is under way is waited for.
    world(put('argoproj.io/applications', application('flumen', 'Suspended'), flumen))
    expect('green that waits', 0, 'is to be promoted', result=smoke('--only', 'cluster'))
    world(put('argoproj.io/applications', application('flumen', 'Progressing'), flumen))
    Api.settles = copy.deepcopy(WELL)
    expect('what is under way', 0, 'staging is well', result=smoke('--only', 'cluster', '--wait', '5m'))
    world()
    expect('a commit that is not there yet', 1, 'not yet at bbbbbbbbbbbb', result=smoke('--only', 'cluster', '--revision', 'b' * 40))
    expect('a commit that is there', 0, result=smoke('--only', 'cluster', '--revision', 'a' * 40))
    Api.may_read_secrets = True
    expect('rights beyond need', 0, 'may read Secrets', result=smoke('--only', 'cluster'))
    Api.may_read_secrets, Api.allowed = False, rights() - {'argoproj.io/applications'}
    expect('a right that is missing', 1, 'forbidden', result=smoke('--only', 'cluster'))
    Api.allowed = rights()

    # The door.
    expect('a host without address', 1, 'nowhere.invalid has no address', result=smoke('--only', 'door', '--ingest-url', 'https://nowhere.invalid'))
    expect('a certificate that nobody knows', 1, 'its certificate is refused', result=smoke('--only', 'door', '--ca', '/etc/ssl/certs/ca-certificates.crt'))
    for days, said in ((5, 'its certificate ends in '), (90, 'an admin route is behind the door')):
        port, authority = serve_tls(Open, folder, f'door-{days}', days)
        url = f'https://localhost:{port}'
        expect(said, 1, said, result=smoke('--only', 'door', '--ingest-url', url, '--query-url', url, '--ca', authority))

    # The event, and the tokens.
    expect('tokens of nobody', 1, 'FAILED', result=smoke('--only', 'smoke', FLUMEN_PRODUCER_KEY='fl_00000000_x', FLUMEN_READER_KEY='fl_00000000_x'))
    (folder / 'tokens').write_text(json.dumps({'SecretString': '{"producer": "x"}'}))
    expect('a secret without its two keys', 1, 'must be JSON with producer and reader', result=smoke('--only', 'smoke'))
    print(f'well; {len(red) + 8} faults, each seen')


if __name__ == '__main__':
    main()
