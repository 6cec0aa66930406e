"""What the drill found."""
from page import grouped, table
from page import write as write_page


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
    return table(rows)


def write(figures, folder, docs):
    write_page(figures, markdown(figures), folder, docs, 'make drill')
