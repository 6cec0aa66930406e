"""What the drill found: Markdown for people, JSON for programs."""
import json
import re

BEGIN, END = '<!-- begin: written by `make drill` -->', '<!-- end: written by `make drill` -->'


def grouped(number):
    return f'{number:,}'.replace(',', ' ')


def markdown(figures):
    seconds = figures['seconds']
    gap = figures['stored_when_destroyed'] - figures['backup_events']
    rows = [
        ('`backup create` to S3, encrypted, while the writer goes on', f'{seconds["create"]} s'),
        ('it holds', f'{grouped(figures["backup_events"])} events in {grouped(figures["backup_bytes"])} bytes'),
        ('`backup verify`: restored into a throw-away database and compared', f'{seconds["verify"]} s'),
        ('an altered file, a cut file', 'refused, nothing restored'),
        ('in the database when it was destroyed', f'{grouped(figures["stored_when_destroyed"])} events'),
        ('of them newer than the backup', grouped(gap)),
        ('accepted while there was no database', f'{grouped(figures["accepted_without_database"])} events'),
        ('requests that were not accepted at once, longest request', f'{figures["refused_requests"]}, {figures["longest_request"]} s'),
        ('a new, empty server', f'{seconds["server"]} s'),
        ('`backup restore` from S3, compared row by row', f'{seconds["restore"]} s'),
        ('from then until query-api served', f'{seconds["restored_to_readable"]} s'),
        ('from then until everything accepted was stored', f'{seconds["restored_to_caught_up"]} s'),
        ('from the loss until everything accepted was stored', f'{seconds["destroyed_to_caught_up"]} s'),
        ('accepted', f'{grouped(figures["accepted"])} events'),
        ('stored', f'{grouped(figures["stored"])} events'),
        ('**lost**', f'**{figures["lost"]}**'),
        ('**stored twice**', f'**{figures["twice"]}**'),
    ]
    return '\n'.join(['| what | measured |', '|---|---:|', *(f'| {what} | {value} |' for what, value in rows)]) + '\n'


def write(figures, folder, docs):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'report.json').write_text(json.dumps(figures, indent=2) + '\n')
    (folder / 'report.md').write_text(markdown(figures))
    if docs:
        text = docs.read_text()
        part = f'{BEGIN}\n\n{markdown(figures)}\n{END}'
        changed, times = re.subn(re.escape(BEGIN) + '.*?' + re.escape(END), lambda _: part, text, flags=re.S)
        if times != 1:
            raise SystemExit(f'{docs} has no place for the figures: {BEGIN} .. {END}')
        docs.write_text(changed)
