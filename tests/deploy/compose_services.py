"""Asks the binaries whether they accept what Compose gives them, with the files that docker/setup makes: compose_services.py BIN CONFIG.json"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SECONDS = {'ms': 0.001, 's': 1, 'm': 60, 'h': 3600}


def seconds(text):
    return sum(float(n) * SECONDS[unit] for n, unit in re.findall(r'([0-9.]+)(ms|s|m|h)', text))


def main():
    binaries, stack = pathlib.Path(sys.argv[1]), json.load(open(sys.argv[2]))
    wrong, asked = [], 0
    with tempfile.TemporaryDirectory() as folder:
        run = f'{folder}/run'
        os.mkdir(run)
        subprocess.run(['sh', 'docker/setup', run], check=True, capture_output=True)
        again = {p: p.read_bytes() for p in pathlib.Path(run).rglob('*') if p.is_file()}
        subprocess.run(['sh', 'docker/setup', run], check=True, capture_output=True)
        changed = [str(p) for p, content in again.items() if p.read_bytes() != content]
        if changed:
            wrong.append(f'docker/setup makes other secrets when it runs again: {changed}')
        proof = subprocess.run(['openssl', 'verify', '-CAfile', f'{run}/tls/ca.crt', '-verify_hostname', 'localhost', f'{run}/tls/door.crt'], capture_output=True, text=True)
        if proof.returncode != 0:
            wrong.append(f'docker/setup: the certificate of the door is not good: {proof.stderr}')
        for name, service in stack['services'].items():
            image = re.match(r'flumen/([a-z-]+):', service['image'])
            if not image:
                continue
            binary = binaries / image[1]
            if not binary.exists():
                wrong.append(f'{name}: there is no binary {image[1]}')
                continue
            args = [a.replace('/run/flumen', run) for a in service.get('command') or []]
            env = {'PATH': os.environ['PATH'], 'HOME': folder} | {k: v.replace('/run/flumen', run) for k, v in service.get('environment', {}).items() if k.startswith('FLUMEN')}
            asked += 1
            done = subprocess.run([str(binary), *args, '--help' if image[1] == 'flumen' else '--check-config'], env=env, capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                wrong.append(f'{name}: {(done.stderr or done.stdout).strip()[:500]}')
                continue
            if image[1] == 'flumen' and '--config' in args:
                dry = subprocess.run([str(binary), 'migrate', '--dry-run', '--wait', '1ms', '--config', args[args.index('--config') + 1]], env=env, capture_output=True, text=True, timeout=60)
                if dry.returncode == 2:
                    wrong.append(f'{name}: {dry.stderr.strip()[:400]}')
            elif image[1] != 'flumen':
                budgets = {k: seconds(v) for k, v in json.loads(done.stdout).get('shutdown', {}).items() if k != 'fault_linger'}
                grace = seconds(service['stop_grace_period'].replace('m0s', 'm'))
                if sum(budgets.values()) >= grace:
                    wrong.append(f'{name}: the budgets sum to {sum(budgets.values()):g} s, stop_grace_period is {grace:g} s')
    for line in wrong:
        print(line)
    if wrong:
        sys.exit(1)
    print(f'{asked} containers')


if __name__ == '__main__':
    main()
