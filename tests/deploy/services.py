"""Asks the real binaries whether what was rendered for Kubernetes is true of them.

    services.py BIN DOCS RENDERED.yaml ...

For every rendering: every variable, configuration key and flag is accepted by the binary that would get it; ports are those it listens on;
budgets of shutting down fit into the grace period; every probe, scrape and reload path answers on a live process; every Secret key,
ConfigMap, service account, service and port that something names is there; no door leads to an admin route. Secrets that nothing in the
rendering makes must be named in DOCS.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import yaml

SERVICES = {'ingest-api', 'writer', 'query-api', 'alert-relay'}
ADMIN_ROUTES = ('/metrics', '/livez', '/readyz', '/reload', '/config')
# What an answer may be where a process has neither Kafka nor PostgreSQL.
EXPECTED = {'/livez': {200}, '/readyz': {200, 503}, '/metrics': {200}, '/reload': {200}}
SECONDS = {'ms': 0.001, 's': 1, 'm': 60, 'h': 3600}


class Wrong(Exception):
    pass


def seconds(text):
    return sum(float(n) * SECONDS[unit] for n, unit in re.findall(r'([0-9.]+)(ms|s|m|h)', text))


def documents(path):
    return [d for d in yaml.load_all(pathlib.Path(path).read_text(), Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader)) if d]


def pods(doc):
    """(name of what owns it, its pod template) for everything that runs pods."""
    kind, spec = doc['kind'], doc.get('spec', {})
    name = f"{kind} {doc['metadata']['name']}"
    if kind in ('Deployment', 'Rollout', 'StatefulSet', 'Job'):
        yield name, spec['template']
    elif kind == 'CronJob':
        yield name, spec['jobTemplate']['spec']['template']
    elif kind == 'AnalysisTemplate':
        for metric in spec['metrics']:
            if 'job' in metric['provider']:
                yield name, metric['provider']['job']['spec']['template']


def image(container):
    return container['image'].split('@')[0].rsplit('/', 1)[-1].split(':')[0]


class Rendering:
    def __init__(self, path, binaries, docs):
        self.path, self.binaries, self.docs = path, binaries, docs
        self.docs_of = {}
        for doc in documents(path):
            self.docs_of.setdefault(doc['kind'], {})[doc['metadata']['name']] = doc
        self.probes = set()
        self.wrong = []

    def all(self, *kinds):
        return [d for kind in kinds for d in self.docs_of.get(kind, {}).values()]

    def complain(self, text):
        self.wrong.append(f'{pathlib.Path(self.path).name}: {text}')

    # -- Secrets -------------------------------------------------------------------------------------------------------------------
    def secret_keys(self, name):
        """Keys of a Secret by whoever makes it; None when nothing here does."""
        for secret in self.all('Secret'):
            if secret['metadata']['name'] == name:
                return set(secret.get('data', {})) | set(secret.get('stringData', {}))
        for external in self.all('ExternalSecret'):
            target = external['spec']['target']
            if target['name'] == name:
                fetched = {d['secretKey'] for d in external['spec'].get('data', [])}
                template = target.get('template', {})
                made = set(template.get('data', {}))
                return made if template and template.get('mergePolicy', 'Replace') == 'Replace' else made | fetched
        for certificate in self.all('Certificate'):
            if certificate['spec']['secretName'] == name:
                return {'tls.crt', 'tls.key', 'ca.crt'}
        return None

    def need_secret(self, who, name, key):
        keys = self.secret_keys(name)
        if keys is None:
            if not re.search(rf'`{re.escape(name)}`[^\n]*`{re.escape(key)}`', self.docs):
                self.complain(f'{who}: nothing makes the Secret {name} with the key {key}, and docs/deploy.md does not say who does')
        elif key not in keys:
            self.complain(f'{who}: the Secret {name} has no key {key} (it has {", ".join(sorted(keys))})')

    def need_config_map(self, who, name, key):
        for doc in self.all('ConfigMap'):
            if doc['metadata']['name'] == name:
                if key not in doc['data']:
                    self.complain(f'{who}: the ConfigMap {name} has no key {key}')
                return
        if f'`{name}`' not in self.docs:
            self.complain(f'{who}: nothing makes the ConfigMap {name}, and docs/deploy.md does not say who does')

    def secret_file(self, name):
        """The configuration file that a Secret would be, with harmless values."""
        for external in self.all('ExternalSecret'):
            if external['spec']['target']['name'] == name:
                text = external['spec']['target'].get('template', {}).get('data', {}).get('config.toml')
                if text is None:
                    return ''
                text = text.replace('{{ .port }}', '5432')
                return re.sub(r'\{\{[^}]*\}\}', 'x' * 40, text)
        text = ''
        if name != 'alert-relay-config':
            if name != 'ingest-api-config':
                text += '[database]\nurl = "postgres://u:p@127.0.0.1:1/d"\n'
        return text

    # -- containers ----------------------------------------------------------------------------------------------------------------
    def environment(self, container):
        env = {}
        for item in container.get('env', []):
            if item['name'] in env:
                self.complain(f"{container['name']}: the variable {item['name']} is given twice")
            env[item['name']] = str(item.get('value', 'writer-0'))
        return env

    def run(self, container, args, folder):
        env = {'PATH': os.environ['PATH'], 'HOME': folder} | {k: v for k, v in self.environment(container).items() if k.startswith('FLUMEN')}
        # Files that would be mounted: their paths must be readable here.
        env = {k: v.replace('/etc/flumen/', folder + '/') for k, v in env.items()}
        args = [a.replace('/etc/flumen/', folder + '/') for a in args]
        return subprocess.run([str(self.binaries / image(container)), *args], env=env, capture_output=True, text=True, timeout=60)

    def check_service(self, who, pod, container, folder):
        name = image(container)
        if not (self.binaries / name).exists():
            self.complain(f'{who}: there is no binary {name}')
            return
        done = self.run(container, [*container.get('args', []), '--check-config'], folder)
        if done.returncode != 0:
            self.complain(f'{who}: {name} refuses its configuration: {(done.stderr or done.stdout).strip()[:600]}')
            return
        config = json.loads(done.stdout)
        listens = {p['name']: p['containerPort'] for p in container['ports']}
        for port, section in (('http', 'listen'), ('admin', 'admin')):
            address = config.get(section, {}).get('address')
            real = int(address.rsplit(':', 1)[1]) if address else None
            if real != listens.get(port):
                self.complain(f'{who}: the port {port} is {listens.get(port)}, but {name} listens on {real}')
        grace = pod['spec']['terminationGracePeriodSeconds']
        budgets = {k: seconds(v) for k, v in config.get('shutdown', {}).items() if k != 'fault_linger'}
        if sum(budgets.values()) >= grace:
            self.complain(f'{who}: the budgets of {name} sum to {sum(budgets.values()):g} s ({budgets}), the grace period is {grace} s')
        for probe in ('startupProbe', 'livenessProbe', 'readinessProbe'):
            get = container.get(probe, {}).get('httpGet')
            if not get:
                self.complain(f'{who}: {name} has no {probe}')
            elif get['port'] != 'admin':
                self.complain(f'{who}: the {probe} of {name} asks the port {get["port"]}, where no probe is answered')
            else:
                self.probes.add((name, 'GET', get['path']))

    def check_flumen(self, who, container, folder):
        args = container.get('args', [])
        done = self.run(container, [*args, '--help'], folder)
        if done.returncode != 0:
            self.complain(f'{who}: flumen refuses {" ".join(args)}: {done.stderr.strip()[:400]}')
            return
        for variable in self.environment(container):
            if variable.startswith('FLUMEN') and not variable.startswith('FLUMEN__') and variable not in done.stdout:
                self.complain(f'{who}: flumen {args[0]} knows no variable {variable}')
        if '--config' in args:
            # What the configuration says is judged before anything is connected to: status 2, not 1.
            dry = self.run(container, ['migrate', '--dry-run', '--wait', '1ms', '--config', args[args.index('--config') + 1]], folder)
            if dry.returncode == 2:
                self.complain(f'{who}: flumen refuses its configuration: {dry.stderr.strip()[:400]}')
        for arg in args:
            if arg.startswith('--reload='):
                port = int(arg.rsplit(':', 1)[1].split('/')[0])
                owner = {9080: 'ingest-api', 9081: 'query-api', 9082: 'writer', 9083: 'alert-relay'}.get(port, '?')
                self.probes.add((owner, 'POST', '/' + arg.rsplit('/', 1)[1]))

    def check_pod(self, who, template):
        spec = template['spec']
        account = spec.get('serviceAccountName')
        if account and account not in self.docs_of.get('ServiceAccount', {}):
            self.complain(f'{who}: there is no ServiceAccount {account}')
        volumes = {v['name']: v for v in spec.get('volumes', [])}
        containers = spec.get('initContainers', []) + spec['containers']
        claims = {'data'}
        for volume in volumes.values():
            for kind, need in (('secret', self.need_secret), ('configMap', self.need_config_map)):
                for item in volume.get(kind, {}).get('items', []):
                    need(who, volume[kind].get('secretName') or volume[kind].get('name'), item['key'])
        with tempfile.TemporaryDirectory() as folder:
            for volume in volumes.values():
                if 'secret' in volume and volume['name'] == 'config':
                    (pathlib.Path(folder) / 'config').mkdir()
                    (pathlib.Path(folder) / 'config/config.toml').write_text(self.secret_file(volume['secret']['secretName']))
                for item in volume.get('configMap', {}).get('items', []):
                    if item['path'] == 'ca.crt':
                        # Some authority: what is asked is whether the file would be read.
                        (pathlib.Path(folder) / volume['name']).mkdir(exist_ok=True)
                        shutil.copy('/etc/ssl/certs/ca-certificates.crt', pathlib.Path(folder) / volume['name'] / 'ca.crt')
            for container in containers:
                if not re.search(r'(:[A-Za-z0-9_.-]+|@sha256:[0-9a-f]{64})$', container['image']) or container['image'].endswith(':latest'):
                    self.complain(f"{who}: the image {container['image']} floats")
                for mount in container.get('volumeMounts', []):
                    if mount['name'] not in volumes and mount['name'] not in claims:
                        self.complain(f"{who}: nothing is called {mount['name']} that {container['name']} mounts")
                for item in container.get('env', []):
                    ref = item.get('valueFrom', {}).get('secretKeyRef')
                    if ref:
                        self.need_secret(who, ref['name'], ref['key'])
                if image(container) in SERVICES:
                    self.check_service(who, template, container, folder)
                elif image(container) == 'flumen':
                    self.check_flumen(who, container, folder)

    # -- what names what -----------------------------------------------------------------------------------------------------------
    def ports_behind(self, service):
        """Container ports, by name, of the pods that a Service selects."""
        selector = service['spec']['selector']
        for doc in self.all('Deployment', 'Rollout', 'StatefulSet'):
            labels = doc['spec']['template']['metadata']['labels']
            if selector.items() <= labels.items():
                return {p['name']: p['containerPort'] for c in doc['spec']['template']['spec']['containers'] for p in c.get('ports', [])}
        return None

    def check_references(self):
        services = self.docs_of.get('Service', {})
        for service in services.values():
            behind = self.ports_behind(service)
            for port in service['spec']['ports']:
                if behind is None or port['targetPort'] not in behind:
                    self.complain(f"Service {service['metadata']['name']}: no pod has the port {port['targetPort']}")
        for monitor in self.all('ServiceMonitor'):
            chosen = [s for s in services.values() if monitor['spec']['selector']['matchLabels'].items() <= s['metadata']['labels'].items()]
            name = monitor['metadata']['name']
            if not chosen:
                self.complain(f'ServiceMonitor {name}: selects no Service')
            for endpoint in monitor['spec']['endpoints']:
                self.probes.add((name, 'GET', endpoint['path']))
                for service in chosen:
                    if endpoint['port'] not in {p['name'] for p in service['spec']['ports']}:
                        self.complain(f"ServiceMonitor {name}: the Service {service['metadata']['name']} has no port {endpoint['port']}")
        doors = []
        for ingress in self.all('Ingress'):
            for rule in ingress['spec']['rules']:
                doors += [(p['path'], p['backend']['service']['name'], p['backend']['service']['port']) for p in rule['http']['paths']]
        for route in self.all('HTTPRoute'):
            for rule in route['spec']['rules']:
                for match in rule['matches']:
                    doors += [(match['path']['value'], b['name'], {'number': b['port']}) for b in rule['backendRefs']]
        for path, name, port in doors:
            if any(path == r or path.startswith(r + '/') for r in ADMIN_ROUTES):
                self.complain(f'the door leads to the admin route {path}')
            service = services.get(name)
            if service is None:
                self.complain(f'the door leads to {name}, which is no Service')
                continue
            found = [p for p in service['spec']['ports'] if p['name'] == port.get('name') or p['port'] == port.get('number')]
            if not found or found[0]['targetPort'] != 'http':
                self.complain(f'the door leads to {name} by {port}, which is not its public port')
        for doc in self.all('HorizontalPodAutoscaler', 'ScaledObject'):
            target = doc['spec']['scaleTargetRef']
            owner = self.docs_of.get(target['kind'], {}).get(target['name'])
            if owner is None:
                self.complain(f"{doc['kind']} {doc['metadata']['name']}: there is no {target['kind']} {target['name']}")
            elif 'replicas' in owner['spec']:
                self.complain(f"{target['kind']} {target['name']}: says replicas although {doc['kind']} scales it")
        for rollout in self.all('Rollout'):
            strategy = rollout['spec']['strategy']['blueGreen']
            names = [('Service', strategy['activeService']), ('Service', strategy['previewService'])]
            names += [('AnalysisTemplate', t['templateName']) for step in ('prePromotionAnalysis', 'postPromotionAnalysis') for t in strategy.get(step, {}).get('templates', [])]
            for kind, name in names:
                if name not in self.docs_of.get(kind, {}):
                    self.complain(f"Rollout {rollout['metadata']['name']}: there is no {kind} {name}")
        for trigger in self.all('TriggerAuthentication'):
            for ref in trigger['spec'].get('secretTargetRef', []):
                self.need_secret('TriggerAuthentication', ref['name'], ref['key'])
        for cluster in self.all('Cluster'):
            for role in cluster['spec']['managed']['roles']:
                for key in ('username', 'password'):
                    self.need_secret('Cluster', role['passwordSecret']['name'], key)
        labels = [t['metadata']['labels'] for d in self.all('Deployment', 'Rollout', 'StatefulSet', 'Job', 'CronJob') for _, t in pods(d)]
        for policy in self.all('NetworkPolicy', 'PodDisruptionBudget'):
            selector = policy['spec'].get('podSelector') or policy['spec'].get('selector') or {}
            wanted = selector.get('matchLabels', {})
            if wanted and 'cnpg.io/cluster' not in wanted and not any(wanted.items() <= have.items() for have in labels):
                self.complain(f"{policy['kind']} {policy['metadata']['name']}: selects no pod")

    def check(self):
        for doc in [d for group in self.docs_of.values() for d in group.values()]:
            for who, template in pods(doc):
                self.check_pod(who, template)
        self.check_references()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def ask(method, url):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def live(binaries, probes):
    """Starts each service without its Kafka and PostgreSQL, as a pod would in an outage, and asks what the charts ask."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        keys = pathlib.Path(folder) / 'keys.toml'
        keys.write_text('')
        for name in sorted({n for n, _, _ in probes}):
            if not (binaries / name).exists():
                wrong.append(f'there is no binary {name}')
                continue
            port = free_port()
            sets = [f'admin.address=127.0.0.1:{port}']
            if name != 'writer':
                sets.append(f'listen.address=127.0.0.1:{free_port()}')
            if name in ('ingest-api', 'query-api'):
                sets.append(f'keys.file={keys}')
            if name == 'alert-relay':
                senders = pathlib.Path(folder) / 'senders.toml'
                senders.write_text('[[senders]]\nname = "test"\ntoken = "0123456789abcdef0123456789abcdef"\n')
                sets += [f'senders.file={senders}', f'outbox.path={folder}/outbox.redb']
            if name in ('ingest-api', 'writer'):
                sets.append('kafka.brokers=127.0.0.1:1')
            if name in ('query-api', 'writer'):
                sets.append('database.url=postgres://u@127.0.0.1:1/d')
            args = [a for s in sets for a in ('--set', s)]
            process = subprocess.Popen([str(binaries / name), *args], env={'PATH': os.environ['PATH'], 'HOME': folder},
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder)
            try:
                until = time.monotonic() + 30
                while ask('GET', f'http://127.0.0.1:{port}/livez') is None:
                    if process.poll() is not None or time.monotonic() > until:
                        raise Wrong(f'{name} does not start: {process.stderr.read1(2000).decode() if process.poll() is not None else "no answer in 30 s"}')
                    time.sleep(0.05)
                for method, path in sorted({(m, p) for n, m, p in probes if n == name}):
                    status = ask(method, f'http://127.0.0.1:{port}{path}')
                    if status not in EXPECTED.get(path, {200}):
                        wrong.append(f'{name}: {method} {path} on the admin port answers {status}')
            except Wrong as error:
                wrong.append(str(error))
            finally:
                process.terminate()
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    wrong.append(f'{name} does not end within 60 s of SIGTERM')
    return wrong


def main():
    binaries, docs = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    docs = docs.read_text() if docs.exists() else ''
    wrong, probes, workloads = [], set(), 0
    for path in sys.argv[3:]:
        rendering = Rendering(path, binaries, docs)
        rendering.check()
        wrong += rendering.wrong
        probes |= rendering.probes
        workloads += sum(1 for group in rendering.docs_of.values() for d in group.values() for _ in pods(d))
    wrong += live(binaries, probes)
    for line in wrong:
        print(line)
    if wrong:
        sys.exit(1)
    print(f'{workloads} pods, {len(probes)} paths')


if __name__ == '__main__':
    main()
