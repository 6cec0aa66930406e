"""Whether two folders of rendered manifests say the same, whatever the order and the quoting: same.py A B"""
import pathlib
import sys

import yaml

LOADER = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


def read(path):
    docs = [d for d in yaml.load_all(path.read_text(), Loader=LOADER) if d]
    return {(d['kind'], d['metadata']['name']): d for d in docs}


a, b = (pathlib.Path(p) for p in sys.argv[1:3])
for path in sorted(a.glob('*.yaml')):
    one, two = read(path), read(b / path.name)
    for key in sorted(one.keys() | two.keys()):
        if one.get(key) != two.get(key):
            sys.exit(f'{path.name}: {key[0]} {key[1]} differs')
print('no difference')
