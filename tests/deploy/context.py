"""What a build's context would hold by .dockerignore, and whether that is right: context.py DOCKERFILE

The rules are Docker's: patterns in order, the last that matches wins, `!` takes back; a pattern that matches a folder matches what is in it.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys

ALLOWED = re.compile(r'^(Cargo\.(toml|lock)|rust-toolchain\.toml|crates/|explorer/|docker/rootfs$)')
NEVER = re.compile(r'(^|/)(\.git|\.env|target|node_modules|dist|\.terraform|\.flumen)(/|$)|\.(pem|key|tfstate|tfvars|p12)$')


def pattern(text):
    out, i = '', 0
    while i < len(text):
        if text.startswith('**/', i):
            out, i = out + '(.*/)?', i + 3
        elif text.startswith('**', i):
            out, i = out + '.*', i + 2
        elif text[i] == '*':
            out, i = out + '[^/]*', i + 1
        elif text[i] == '?':
            out, i = out + '[^/]', i + 1
        else:
            out, i = out + re.escape(text[i]), i + 1
    return re.compile(f'^{out}$')


def rules():
    for line in pathlib.Path('.dockerignore').read_text().splitlines():
        line = line.strip()
        if line and not line.startswith('#'):
            yield line.startswith('!'), pattern(line.lstrip('!').strip('/'))


def context():
    known = list(rules())
    # Everything that lies in the folder now, tracked or not: that is what Docker would look at.
    for top, folders, files in os.walk('.'):
        at = os.path.relpath(top, '.')
        folders[:] = [f for f in folders if os.path.join(at, f).removeprefix('./') not in ('.git', 'target', '.tools', '.flumen')]
        for name in files:
            path = os.path.normpath(os.path.join(at, name))
            parts = path.split('/')
            parents = ['/'.join(parts[:n]) for n in range(1, len(parts) + 1)]
            ignored = False
            for back, rule in known:
                if any(rule.match(p) for p in parents):
                    ignored = not back
            if not ignored:
                yield path


def main():
    files = sorted(context())
    wrong = [f'{f} is in the build context' for f in files if NEVER.search(f) or not ALLOWED.match(f)]
    tracked = set(subprocess.run(['git', 'ls-files', '-c', '-o', '--exclude-standard'], capture_output=True, text=True, check=True).stdout.splitlines())
    wrong += [f'{f} is in the build context, although git ignores it' for f in files if f not in tracked]
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        if line.startswith('COPY ') and '--from' not in line:
            for source in shlex.split(line)[1:-1]:
                if not any(f == source or f.startswith(source.rstrip('/') + '/') for f in files):
                    wrong.append(f'the Dockerfile copies {source}, which is not in the build context')
    for line in wrong:
        print(line)
    if wrong:
        sys.exit(1)
    size = sum(os.path.getsize(f) for f in files)
    print(f'{len(files)} files, {size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
