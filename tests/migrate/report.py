"""What the rehearsal found."""
from page import grouped, table
from page import write as write_page

NAMES = ('`switch`', '`back`, both being fed', '`switch` again', '`back`, after the old one had been fed no more for a while', '`switch` for good')


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
    return table(rows)


def write(figures, folder, docs):
    write_page(figures, markdown(figures), folder, docs, 'make test-migration')
