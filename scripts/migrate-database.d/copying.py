"""One moment of the old database onto the new server: `flumen backup`, which drives pg_dump and pg_restore."""
import re
import shutil
import time

from checks import check
from databases import GROUPS, Stop, duration, flumen, grouped, quoted, say


def copy(words, old, new, state):
    """One moment onto the new server. It has its name only once it is whole."""
    if state.get('copied') and new.exists() and new.migrated():
        say(f'{new} was copied already ({state.get("copied")}); to begin anew, drop it and remove {words.work}')
        members(old, new)
        return
    check(words, old, new, state)
    for left in words.work.glob('flumen-backup-*'):
        shutil.rmtree(left)
    begun = time.monotonic()
    if not state.get('backup'):
        say(f'dumping one moment of {old}; ingest, writers and readers go on')
        seal = [flag for key in words.recipient for flag in ('--recipient', key)] or ['--plain']
        said = flumen('backup', 'create', '--to', words.place, '--jobs', str(words.jobs), '--work', str(words.work), *seal, database=old)
        state.put(backup=re.search(r'flumen-\w+', said)[0])
    else:
        say(f'the dump {state.get("backup")} is there from an earlier run; it stays good as long as Kafka keeps what came after it')
    dumped = time.monotonic()

    server, beside = new.beside('postgres'), new.beside(f'{new.name}_copying')
    if beside.exists():
        say(f'removing {beside.name}, which an earlier run left half done')
        server.sql(f'DROP DATABASE {quoted(beside.name)} WITH (FORCE)')
    locale = words.locale or old.one('SELECT datcollate FROM pg_database WHERE datname = current_database()')
    literal = locale.replace("'", "''")
    server.sql(f"CREATE DATABASE {quoted(beside.name)} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE '{literal}' LC_CTYPE '{literal}'")
    say(f'restoring {state.get("backup")} into {beside.name} at {new.where}, then comparing every table with what was dumped')
    opened = ['--identity', str(words.identity)] if words.identity else []
    flumen('backup', 'restore', '--from', words.place, '--id', state.get('backup'), '--jobs', str(words.jobs), '--work', str(words.work), *opened,
           database=beside)
    say('gathering statistics for the planner')
    beside.sql('ANALYZE')
    if new.exists():
        if new.relations():
            raise Stop(f'{new} got tables meanwhile: whoever made them, the copy is whole under the name {beside.name}')
        server.sql(f'DROP DATABASE {quoted(new.name)}')
    server.sql(f'ALTER DATABASE {quoted(beside.name)} RENAME TO {quoted(new.name)}')
    events = new.one('SELECT count(*) FROM events')
    state.put(copied=time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), copied_events=int(events), compared=None,
              seconds=dict(dump=round(dumped - begun, 1), restore=round(time.monotonic() - dumped, 1)))
    say(f'{new} is whole: {grouped(int(events))} events, in {duration(time.monotonic() - begun)}')
    members(old, new)
    say('next: writers of a second consumer group on the new database; they go on at its checkpoint. Then: compare')


def members(old, new):
    """Lets the logins in that are there, and names those that are not."""
    known = {row[0] for row in new.sql('SELECT rolname FROM pg_roles WHERE rolcanlogin')}
    wanted = sorted(old.logins() - new.logins())
    for login, group in wanted:
        if login in known and login != group:
            grant = f'GRANT {quoted(group)} TO {quoted(login)}'
            try:
                new.sql(grant)
            except Stop as stop:
                raise Stop(f'{stop}; let the administrator of the new server say it: {grant}') from None
            say(f'{login} is in {group} now')
    if missing := sorted({login for login, _ in wanted if login not in known or login in GROUPS}):
        say(f'logins to make on the new server before the switch: {", ".join(missing)}; as its administrator CREATE ROLE (or ALTER ROLE) .. LOGIN PASSWORD, '
            'or let the chart do it (database.roles), then run copy again: it adds them to their groups')
