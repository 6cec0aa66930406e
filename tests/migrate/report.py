"""What the rehearsal found: Markdown for people, JSON for programs."""
import json
import re

BEGIN, END = '<!-- begin: written by `make test-migration` -->', '<!-- end: written by `make test-migration` -->'

NAMES = ('`switch`', '`back`, both being fed', '`switch` again', '`back`, after the old one had been fed no more for a while', '`switch` for good')


def grouped(number):
    return f'{number:,}'.replace(',', ' ')


def markdown(figures):
    seconds, switches = figures['seconds'], figures['switches']

    def moved(one):
        return f'{one["seconds"]} s, {one["reads"]} reads, {one["failed_reads"]} failed, nothing readable for {one["nothing_read_for_seconds"]} s'

    rows = [
        ('from, to', f'PostgreSQL {figures["from"]} to {figures["to"]}'),
        ('`check`', f'{seconds["check"]} s'),
        ('swapped servers; a topic that keeps too little; a switch without a comparison', 'refused'),
        ('`copy`, run again after its end' if not figures['broken_off'] else '`copy`, broken off while it restored, run again', 'went on from its dump'),
        ('of it: checks, dump and count, while ingest and writer go on', f'{seconds["dump"]} s'),
        ('restore into the new server, compared row by row', f'{seconds["restore"]} s'),
        ('it holds', f'{grouped(figures["copied"])} events'),
        ('stored in the old one since the dump, when the second writer began', f'{grouped(figures["gap"])} records'),
        ('from then until it had caught up', f'{seconds["caught_up"]} s'),
        ('`compare`, both being written to', f'{seconds["compare"]} s for {grouped(figures["compared"])} events'),
        ('one altered event', 'noticed, named by its partition'),
        *((name, moved(one)) for name, one in zip(NAMES, switches)),
        ('requests to ingest that were not accepted at once, longest request', f'{figures["refused_requests"]}, {figures["longest_request"]} s'),
        ('accepted', f'{grouped(figures["accepted"])} events'),
        ('stored in the new one, and set aside by a rule of the writer', f'{grouped(figures["stored"])}, {grouped(figures["dead_letters"])}'),
        ('**lost**', f'**{figures["lost"]}**'),
        ('**stored twice**', f'**{figures["twice"]}**'),
        ('a reader of the feed with one cursor all along: seen, **missed**, **seen twice**',
         f'{grouped(figures["reader_seen"])}, **{figures["reader_missed"]}**, **{figures["reader_twice"]}**'),
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
