"""Writes results as JUnit XML, which CI systems show: a suite a scenario, a case a test."""

import html


def _attribute(text):
    """An attribute; what XML cannot hold is shown as `?`."""
    return '"' + html.escape(_clean(text)).replace('\n', '&#10;') + '"'


def _clean(text):
    return ''.join(one if one in '\t\n' or ' ' <= one <= '~' else '?' for one in text)


def _case(scenario, row):
    head = f'    <testcase classname={_attribute(scenario)} name={_attribute(row.name)}'
    if row.outcome == 'fail':
        body = f'<failure message={_attribute(row.message.split(chr(10))[0])}>' \
               f'{html.escape(_clean(row.message), quote=False)}</failure>'
    elif row.outcome in ('skip', 'known-fail'):
        body = f'<skipped message={_attribute(row.message or row.outcome)}/>'
    else:
        return head + '/>'
    return f'{head}>{body}</testcase>'


def write(path, outcomes):
    """outcomes: of runner.py, one a scenario."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>']
    for one in outcomes:
        rows = list(one.rows)
        failures = sum(row.outcome == 'fail' for row in rows)
        skipped = sum(row.outcome in ('skip', 'known-fail') for row in rows)
        # A scenario that went wrong outside of its tests must not look green.
        errors = int(one.status != 0 and failures == 0)
        lines.append(f'  <testsuite name={_attribute(one.scenario)} tests="{len(rows) + errors}" '
                     f'failures="{failures}" errors="{errors}" skipped="{skipped}" '
                     f'time="{one.seconds:.2f}">')
        lines += [_case(one.scenario, row) for row in rows]
        if errors:
            lines.append(f'    <testcase classname={_attribute(one.scenario)} name="(scenario)">'
                         f'<error message={_attribute(one.text)}/></testcase>')
        lines.append('  </testsuite>')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines + ['</testsuites>']) + '\n')
