/**
 * The page's style sheet: system fonts, light and dark, phone and print.
 *
 * @module
 */

/** CSS, inlined in the page. Figures have a white card in both schemes, because their colours are made for white. */
export const STYLE = `
:root { --text: #1b1f24; --soft: #57606a; --line: #d8dee4; --page: #fbfbfa; --band: #f1f3f5; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ec; --soft: #a2abb5; --line: #343b44; --page: #14171b; --band: #1e2329; --link: #7fb6ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 60rem; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: .5rem 0; text-wrap: balance; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
p { margin: .6rem 0; max-width: 44rem; }
.lead, figcaption, footer { color: var(--soft); }
a { color: var(--link); }
nav ul { list-style: none; margin: 1rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; }
figure { margin: 1.5rem 0; }
figcaption { font-size: .875rem; }
figcaption { margin-top: .4rem; max-width: 44rem; }
.wide { overflow-x: auto; margin-top: .4rem; }
.card { background: #fff; border: 1px solid var(--line); border-radius: 8px; }
.card svg { display: block; margin: 0 auto; max-width: 100%; height: auto; }
/* On a narrow screen a figure shrinks until its text would be too small to read, then scrolls in its card. */
.card svg { min-width: calc(.72 * var(--natural)); }
table { border-collapse: separate; border-spacing: 0; font-size: .875rem; font-variant-numeric: tabular-nums; min-width: 60%; }
th, td { padding: .35rem .55rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--soft); vertical-align: bottom; }
tbody tr { background: var(--page); }
tbody th { font-weight: 600; min-width: 8.5rem; position: sticky; left: 0; background: inherit; }
tbody tr:nth-child(even) { background: var(--band); }
.number { text-align: right; }
td.number { white-space: nowrap; }
.note { display: block; font-size: .88em; font-weight: 400; color: var(--soft); white-space: pre-line; }
td.number .note { white-space: pre; }
td.text { min-width: 6.5rem; white-space: pre-line; }
td.prose { min-width: 23rem; }
th.prose { min-width: min(14rem, 45vw); }
code { font-size: .9em; }
.downloads { font-size: .8rem; color: var(--soft); margin: .3rem 0 0; }
summary { cursor: pointer; font-weight: 600; }
.long summary { font-size: .875rem; margin-top: .4rem; }
.samples { margin: .8rem 0; }
.samples h3 { font-size: .875rem; margin: 1rem 0 .3rem; }
.samples pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; line-height: 1.6; margin: 0;
  padding: .6rem .8rem; border: 1px solid var(--line); border-radius: 8px; }
.samples hr { border: 0; border-top: 1px dashed var(--soft); margin: .4rem 0; }
.supervised { text-decoration: underline; text-decoration-color: var(--link); text-underline-offset: .2em; }
.context { color: var(--soft); }
footer { margin-top: 3rem; padding-top: .75rem; border-top: 1px solid var(--line); font-size: .875rem; }
@media (max-width: 40rem) {
  body { padding: 1rem .8rem 2rem; }
  h1 { font-size: 1.45rem; }
}
@media print {
  :root { --text: #000; --soft: #444; --line: #bbb; --page: #fff; --band: #f4f4f4; --link: #000; }
  body { max-width: none; padding: 0; font-size: 11pt; }
  nav, .downloads { display: none; }
  .card, tr, p { break-inside: avoid; }
  h2, section > p, .card, figcaption:first-child, summary { break-after: avoid; }
  .wide { overflow: visible; }
  .long::details-content { content-visibility: visible; }
  table { font-size: 7.5pt; }
  th, td { padding: .25rem .4rem; }
  td.number { white-space: normal; }
  .card svg { min-width: 0; max-height: 17cm; width: auto; }
}
`;
