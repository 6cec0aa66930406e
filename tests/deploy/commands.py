"""Every `flumen ..` and `scripts/..` command that the documentation gives is put to what it names: subcommands and flags exist, objects of
Kubernetes are those that the chart makes.

    commands.py BIN RENDERED [RENDERED ..]
"""
import pathlib
import re
import shlex
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / 'docs/runbooks').glob('*.md')), *(ROOT / f'docs/{n}.md' for n in ('deploy', 'terraform', 'operations', 'backups', 'configuration', 'scaling') if (ROOT / f'docs/{n}.md').exists())]
# What others make: jobs that people name, objects of the platform, examples.
FOREIGN = {'persistentvolumeclaim': None, 'namespace': None, 'node': None, 'application': None, 'service': {'kube-prometheus-stack-prometheus'}}
KINDS = {'sts': 'statefulset', 'deploy': 'deployment', 'svc': 'service', 'pvc': 'persistentvolumeclaim', 'es': 'externalsecret', 'ns': 'namespace'}


def commands(text):
    """Lines of indented and fenced blocks, and code spans, continued lines joined; comments off."""
    text = re.sub(r'\\\n\s*', ' ', text)
    for line in re.findall(r'^ {4,}(\S.*)$', text, re.M) + re.findall(r'`([^`\n]+)`', text):
        yield re.sub(r'\s+#\s.*$', '', line.strip())


def pieces(command):
    """The simple commands of a line, as words; what no shell would read is left out."""
    for part in re.split(r'\|\||&&|[|;]|\bwhile\b|\bdo\b|\$\(', command):
        try:
            words = shlex.split(part.strip().rstrip(')'), posix=True)
        except ValueError:
            continue
        while words and re.fullmatch(r'[A-Z_]+=.*', words[0]):
            words.pop(0)
        if words:
            yield words


class Flumen:
    def __init__(self, binaries):
        self.binary, self.known = binaries / 'flumen', {}

    def help(self, *path):
        if path not in self.known:
            done = subprocess.run([self.binary, *path, '--help'], capture_output=True, text=True)
            flags = set(re.findall(r'(?<![\w-])(--[a-z][a-z0-9-]*|-[a-zA-Z])\b', done.stdout)) if done.returncode == 0 else None
            listed = re.search(r'^Commands:\n(.*?)\n\n', done.stdout, re.S | re.M)
            self.known[path] = flags, set(re.findall(r'^ {2}([a-z-]+)', listed[1], re.M)) - {'help'} if listed else set()
        return self.known[path]

    def complaint(self, words):
        path, rest = [], words[1:]
        flags, subcommands = self.help()
        while subcommands:
            if not rest or rest[0].startswith('-') or rest[0] in ('|', '..', '...'):
                return None if not path or not rest or rest[0].startswith('-') else f'{" ".join(words)}: which subcommand?'
            if rest[0] not in subcommands:
                return f'flumen has no `{" ".join([*path, rest[0]])}`'
            path.append(rest.pop(0))
            flags, subcommands = self.help(*path)
        for word in rest:
            flag = word.split('=')[0]
            if re.fullmatch(r'--[a-z][a-z0-9-]*|-[a-zA-Z]', flag) and flag not in flags:
                return f'`flumen {" ".join(path)}` has no {flag}'
        return None


def objects(files):
    """kind -> names, of everything the chart renders anywhere, and what controllers make of it."""
    found = {}
    for file in files:
        for doc in yaml.safe_load_all(pathlib.Path(file).read_text()):
            if doc:
                found.setdefault(doc['kind'].lower(), set()).add(doc['metadata']['name'])
    found['secret'] = found.get('externalsecret', set()) | {'in-cluster'}
    found['pod'] = {f'{n}-0' for n in found.get('statefulset', set())}
    return found


def main():
    flumen, rendered = Flumen(pathlib.Path(sys.argv[1]).resolve()), objects(sys.argv[2:])
    wrong, seen = [], 0
    for page in PAGES:
        for command in commands(page.read_text()):
            for words in pieces(command):
                said = None
                if words[0] in ('flumen', 'target/debug/flumen') and len(words) > 1:
                    said, seen = flumen.complaint(words), seen + 1
                elif words[0].startswith('scripts/') and len(words) > 1:
                    seen += 1
                    file = ROOT / words[0]
                    said = None if file.exists() else f'there is no {words[0]}'
                    if file.exists() and not said:
                        text = file.read_text()
                        said = next((f'{words[0]} knows no {w}' for w in words[1:] if re.fullmatch(r'--[a-z-]+', w) and w not in text), None)
                elif words[0] == 'make' and len(words) > 1 and re.fullmatch(r'[a-z0-9-]+', words[1]):
                    seen += 1
                    if not re.search(rf'^{words[1]}:', (ROOT / 'Makefile').read_text(), re.M):
                        said = f'make has no {words[1]}'
                elif words[0] == 'kubectl':
                    seen += 1
                    names = [re.match(r'([a-z]+)/([a-z0-9-]+)$', w) for w in words[1:]]
                    names += [re.match(r'([a-z]+) ([a-z0-9-]+)$', f'{a} {b}') for a, b in zip(words, words[1:]) if a in ('rollout', 'externalsecret', 'cronjob', 'statefulset', 'pvc') and not b.startswith('-')]
                    for name in filter(None, names):
                        kind = KINDS.get(name[1], name[1])
                        if kind in FOREIGN and (FOREIGN[kind] is None or name[2] in FOREIGN[kind]):
                            continue
                        if kind in rendered and name[2] not in rendered[kind] | {'restart', 'status', 'undo', 'history'}:
                            said = f'the chart makes no {kind} {name[2]}'
                if said:
                    wrong.append(f'{page.relative_to(ROOT)}: {said}')
    for line in sorted(set(wrong)):
        print(line)
    if wrong:
        sys.exit(1)
    print(f'{seen} commands on {len(PAGES)} pages')


if __name__ == '__main__':
    main()
