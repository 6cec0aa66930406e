"""What would stand in the way of a move."""
import re
import shutil
import subprocess

from databases import GROUPS, Stop, duration, flumen, grouped, program, say

OURS = r'^(events|event_counts)(_.*)?$|^(checkpoints|dead_letters|recent_ids|flumen_migrations)$'


def retention(words):
    """How long the topic keeps records in seconds; None when it is for ever."""
    said = flumen('provision', '--dry-run', '--only', 'kafka', '--partitions', '1', '--replication', '1', '--min-insync', '1', '--retention', '1s',
                  config=words.config, fails=True)
    if match := re.search(r'retention\.ms: (-?\d+)', said):
        return None if int(match[1]) < 0 else int(match[1]) / 1000
    raise Stop('Kafka does not say how long the topic keeps records: set FLUMEN__KAFKA__BROKERS, or --config with [kafka], or, if you know that it is '
               f'long enough, --retention-is 7d. It said:\n  ' + '\n  '.join(said.splitlines()[-3:]))


def check(words, old, new, state):
    """Everything that would stand in the way, all of it at once."""
    faults, notes = [], []

    def fault(text):
        faults.append(text)
        say(f'  FAULT  {text}')

    def note(text):
        notes.append(text)
        say(f'  note   {text}')

    def good(text):
        say(f'  good   {text}')

    server = new.beside('postgres')
    here, there = old.version(), server.version()
    if not old.migrated():
        raise Stop(f'{old} has no tables of Flumen: OLD_DATABASE_URL names another database')
    ours = server.one("SELECT system_identifier FROM pg_control_system()") if readable_control(server) else None
    if ours and readable_control(old) and ours == old.one('SELECT system_identifier FROM pg_control_system()') and old.name == new.name:
        fault('both are the same server (or one is a copy of its disk): NEW_DATABASE_URL names the old one')
    if there < here:
        fault(f'the new server is older ({there}) than the old one ({here}): data never goes back a version; are the two swapped?')
    else:
        good(f'PostgreSQL {here} to {there}')
    for tool in ('pg_dump', 'pg_restore', 'psql'):
        said = subprocess.run([program(tool), '--version'], capture_output=True, text=True, check=True).stdout
        major = int(re.search(r'(\d+)[.\d]*', said)[1])
        if major < max(here, there):
            fault(f'{tool} is of version {major}, a server of {max(here, there)}: scripts/setup pgtools, or a newer folder in FLUMEN_PG_BIN')
    if server.one('SELECT pg_is_in_recovery() OR current_setting(\'transaction_read_only\') = \'on\'') == 't':
        fault('the new server takes no writes: a standby, or read only')
    if server.one('SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user') != 't':
        fault('the login on the new server may not make databases: ALTER ROLE .. CREATEDB, as its administrator')
    if server.one('SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user') != 't':
        have = {row[0] for row in server.sql('SELECT rolname FROM pg_roles')}
        if missing := [name for name in GROUPS[1:] if name not in have]:
            fault(f'the login on the new server may not make roles, and there is no {", ".join(missing)}: ALTER ROLE .. CREATEROLE, or make them')
    if new.exists():
        copied = state.get('copied')
        if new.relations() == 0:
            good(f'{new} is empty')
        elif copied:
            good(f'{new} was copied by this move, {copied}')
        else:
            fault(f'{new} is not empty, and this move has not made it: name another, or drop it if you know what it is')
    unreadable = old.sql("SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'S') "
                         "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND NOT has_table_privilege(c.oid, 'SELECT')")
    if unreadable:
        fault(f'the login on the old server may not read {", ".join(row[0] for row in unreadable[:5])}: log in as the owner')
    offered = {row[0] for row in server.sql('SELECT name FROM pg_available_extensions')}
    if missing := [row[0] for row in old.sql('SELECT extname FROM pg_extension') if row[0] not in offered]:
        fault(f'extensions that the new server does not have: {", ".join(missing)}; install them, or drop them from the old one')
    else:
        good('every extension is there')
    others = [row[0] for row in old.sql("SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                                        "WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND NOT c.relispartition "
                                        f"AND c.relname !~ '{OURS}'")]
    if others:
        note(f'tables that are not Flumen\'s come over as of the copy; what is written to them later does not: {", ".join(others[:8])}')
    encoding, collate = old.sql("SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = current_database()")[0]
    if encoding != 'UTF8':
        fault(f'the old database is in {encoding}: Flumen needs UTF8')
    default = server.one("SELECT datcollate FROM pg_database WHERE datname = 'template0'")
    if collate != default:
        note(f'the new database gets the locale {collate} of the old one, not the new server\'s {default}; --locale chooses another')
    slots = int(server.one("SELECT current_setting('max_connections')"))
    if slots < int(old.one("SELECT current_setting('max_connections')")):
        note(f'the new server takes {slots} connections, fewer than the old one: pools of services and --jobs must fit')
    lost = old.logins() - server.logins()
    if lost:
        note('logins that the new server does not have yet (the switch demands them): ' + ', '.join(f'{login} in {group}' for login, group in sorted(lost)))
    if old.one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start < now() - interval '1 hour'") != '0':
        note('a transaction of the old database is older than an hour: whoever waits for it with an ALTER or DROP makes the dump wait as well')

    size = int(old.one('SELECT pg_database_size(current_database())'))
    needed = 4 * size / words.rate + 3600
    good(f'{grouped(size)} bytes to copy, reckoned with {duration(size / words.rate)} (--rate); see for yourself that the new server has as much disk')
    if not words.place.startswith('s3://'):
        free = shutil.disk_usage(words.work).free
        if free < size:
            fault(f'{words.work} has {grouped(free)} bytes free and needs up to {grouped(size)}: --work on a larger disk')
        else:
            good(f'{words.work} has room')
    kept = words.retention_is if words.retention_is is not None else retention(words)
    if kept is None:
        good('Kafka keeps records for ever')
    elif kept < needed:
        fault(f'Kafka keeps records for {duration(kept)}, and the copy with its margin wants {duration(needed)}: raise it now with '
              f'`flumen provision --only kafka --retention {int(needed // 86400) + 2}d ..`, else the new database\'s writer finds a gap')
    else:
        good(f'Kafka keeps records for {duration(kept)}; the copy with its margin wants {duration(needed)}')
    if faults:
        raise Stop(f'what is marked FAULT above stands in the way ({len(faults)}); nothing was changed')
    say(f'nothing stands in the way{f", {len(notes)} notes" if notes else ""}; next: copy')


def readable_control(database):
    return database.one("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')") == 't'
