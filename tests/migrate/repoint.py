"""What a changed Secret and a reload are in a cluster: query-api's configuration names the other database, and it is told to read it again.

repoint.py CONFIG ADMIN_URL, started by `scripts/migrate-database --run`, which says TO=new or TO=old.
"""
import http.client
import os
import re
import sys
from pathlib import Path

config, admin = Path(sys.argv[1]), sys.argv[2].removeprefix('http://')
url = os.environ[f'{os.environ["TO"].upper()}_READER_URL']
beside = config.with_suffix('.new')
beside.write_text(re.sub(r'(?m)^url = "postgres.*"$', lambda _: f'url = "{url}"', config.read_text()))
beside.replace(config)
connection = http.client.HTTPConnection(admin, timeout=60)
connection.request('POST', '/reload')
answer = connection.getresponse()
told = answer.read().decode()
if answer.status != 200:
    raise SystemExit(f'query-api did not reload: {answer.status} {told}')
