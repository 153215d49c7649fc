"""The look of the page: quiet, two columns on a desk, one on a phone, legible on paper.

Colour is never the only sign: whatever has one says it in words too.
"""

STYLE = """
:root { --ink: #1b1f23; --soft: #505862; --line: #d0d7de; --warn: #9a3412; --warnbg: #fff7ed;
  --accent: #0b4f8a; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink);
  font: 14px/1.38 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
header, main, nav, .front { max-width: 1260px; margin: 0 auto; padding: 0 16px; }
header { display: grid; grid-template-columns: 1fr auto; gap: 2px 24px; padding-top: 10px;
  padding-bottom: 8px; border-bottom: 2px solid var(--ink); }
h1 { font-size: 20px; margin: 0; line-height: 1.25; } h1 .soft { font-size: 15px; }
h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem; }
.card h2 { font-size: 12px; letter-spacing: .03em; text-transform: uppercase; color: var(--soft);
  margin: 0 0 2px; }
.card h3 { font-size: 13px; margin: 5px 0 0; font-weight: 600; color: var(--soft); }
.q { grid-column: 1 / -1; font-size: 20px; line-height: 1.25; margin: 2px 0;
  overflow-wrap: anywhere; }
.q small { display: inline-block; font-size: 13px; background: var(--accent); color: #fff;
  border-radius: 4px; padding: 1px 8px; vertical-align: 3px; margin-right: 8px; }
.soft, .card small { color: var(--soft); font-weight: 400; } .card small { font-size: 12px; }
header p { margin: 0; } .end { text-align: right; }
.front { display: grid; grid-template-columns: minmax(0, 1.75fr) minmax(0, 1fr); gap: 0 16px;
  padding-top: 10px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 6px 11px; margin: 0 0 9px;
  break-inside: avoid; overflow-wrap: anywhere; }
.card.key { border: 2px solid var(--accent); }
.card.warn { background: var(--warnbg); border-color: #fdba74; }
.card p { margin: 2px 0; }
.card ul { margin: 1px 0; padding-left: 16px; } .card li { margin: 1px 0; }
.card li > a, .card p > a { color: inherit; font-weight: 600; text-decoration-color: #8c959f; }
blockquote { margin: 3px 0; padding: 1px 0 1px 9px; border-left: 3px solid var(--line); }
.tag { font-size: 12px; border: 1px solid currentColor; border-radius: 10px; padding: 0 7px;
  color: var(--soft); white-space: nowrap; } .tag.w { color: var(--warn); }
a { color: var(--accent); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--accent);
  outline-offset: 2px; }
nav ol { columns: 3 16rem; margin: 0; padding-left: 1.4rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem .25rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; border-bottom-color: #767676; }
th:nth-child(1) { width: 9.5rem; } th:nth-child(2) { width: 27%; } th:nth-child(4) { width: 9rem; }
:target { background: #fff8c5; outline: 2px solid var(--accent); }
.line { display: block; } .note { white-space: pre-line; }
details > summary { cursor: pointer; color: var(--accent); }
@media (max-width: 760px) {
  header, .front { grid-template-columns: minmax(0, 1fr); } .end { text-align: left; }
  nav ol { columns: 1; } thead { position: absolute; left: -99rem; }
  table, tbody, tr, td { display: block; width: auto; } td { border: 0; padding: 0; }
  tr { border-bottom: 1px solid var(--line); padding: .35rem 0; }
  td:nth-child(2) { font-weight: 600; } td:empty { display: none; }
}
@media print {
  body { font-size: 9.4pt; } header, main, nav, .front { max-width: none; padding: 0; }
  nav { break-before: page; } h2 { break-after: avoid; } tr { break-inside: avoid; }
  thead { display: table-header-group; } details::details-content { content-visibility: visible; }
}
""".strip()
