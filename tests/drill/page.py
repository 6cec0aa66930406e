"""How figures are shown: Markdown for people, JSON for programs, and a part of a page of the documentation."""
import json
import re


def grouped(number):
    return f'{number:,}'.replace(',', ' ')


def table(rows):
    return '\n'.join(['| what | measured |', '|---|---:|', *(f'| {what} | {value} |' for what, value in rows)]) + '\n'


def write(figures, markdown, folder, docs, command):
    """Into report.json and report.md of the folder, and in the page, when one is given, between the marks that name the command."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'report.json').write_text(json.dumps(figures, indent=2) + '\n')
    (folder / 'report.md').write_text(markdown)
    if docs:
        begin, end = f'<!-- begin: written by `{command}` -->', f'<!-- end: written by `{command}` -->'
        text = docs.read_text()
        part = f'{begin}\n\n{markdown}\n{end}'
        changed, times = re.subn(re.escape(begin) + '.*?' + re.escape(end), lambda _: part, text, flags=re.S)
        if times != 1:
            raise SystemExit(f'{docs} has no place for the figures: {begin} .. {end}')
        docs.write_text(changed)
