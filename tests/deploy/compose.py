"""Whether the Compose stack is as closed, bounded and ordered as it says: compose.py CONFIG.json (of `compose config --format json`, all profiles)"""
import json
import re
import sys

ONCE = {'setup', 'roles', 'migrate', 'provision', 'keys', 'vault-setup'}
HEALTHY = {'kafka', 'postgres', 'nginx', 'vault'}
# No health check of its own: nothing in the image could ask (there is no shell), or nobody waits for it.
DOORS = {'nginx', 'prometheus', 'alertmanager', 'grafana'}


def main():
    stack = json.load(open(sys.argv[1]))
    wrong = []
    for name, service in stack['services'].items():
        image = service['image']
        if not re.search(r':[^:/]+$', image) or image.endswith(':latest'):
            wrong.append(f'{name}: the image {image} floats')
        if service.get('privileged') or 'ALL' not in service.get('cap_drop', []):
            wrong.append(f'{name}: keeps capabilities')
        if 'no-new-privileges:true' not in service.get('security_opt', []):
            wrong.append(f'{name}: may gain privileges')
        if not service.get('mem_limit'):
            wrong.append(f'{name}: has no memory limit')
        if not service.get('read_only') and name not in ('kafka', 'setup'):
            wrong.append(f'{name}: writes to its root')
        if (name in HEALTHY) != ('healthcheck' in service):
            wrong.append(f'{name}: health check')
        if name not in ONCE and service.get('restart') != 'unless-stopped':
            wrong.append(f'{name}: does not come back')
        for port in service.get('ports', []):
            if name not in DOORS:
                wrong.append(f'{name}: publishes a port')
            if port.get('host_ip') != '127.0.0.1':
                wrong.append(f'{name}: publishes a port to the network by default')
        for key, value in service.get('environment', {}).items():
            if re.search(r'PASSWORD|TOKEN|SECRET', key) and not re.search(r'_FILE$', key):
                wrong.append(f'{name}: {key} is in the environment')
        if 'outside' in service.get('networks', {}) and name in ('ingest-api', 'query-api', 'writer', 'postgres', 'kafka', 'vault'):
            wrong.append(f'{name}: reaches the outside')
    for name in ('inside', 'door', 'watched'):
        if not stack['networks'][name].get('internal'):
            wrong.append(f'the network {name} leads out')
    for line in wrong:
        print(line)
    if wrong:
        sys.exit(1)
    print(f"{len(stack['services'])} services")


if __name__ == '__main__':
    main()
