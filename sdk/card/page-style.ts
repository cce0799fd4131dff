// How the page of a card looks, by day and by night.

export const pageStyle = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --mark: #3b76d4; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
main > * { margin: 1.25rem 0; }
a { color: var(--mark); }
pre { background: var(--soft); border-radius: 6px; overflow-x: auto; padding: 0.75rem 1rem; }
code { font: 0.9em/1.45 ui-monospace, monospace; }
blockquote { border-left: 3px solid var(--line); margin-left: 0; padding-left: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.9rem 0.3rem 0; text-align: left; vertical-align: top; }
th.number, td.number { font-variant-numeric: tabular-nums; text-align: right; }
.metrics { display: flex; flex-wrap: wrap; gap: 1rem; }
.metric { border: 1px solid var(--line); border-radius: 8px; min-width: 8rem; padding: 0.75rem 1rem; }
.metric .label, .metric .change { font-size: 0.85rem; opacity: 0.75; }
.metric .value { font-size: 1.6rem; font-weight: 600; }
.progress { align-items: center; display: flex; gap: 0.75rem; }
progress { accent-color: var(--mark); flex: 1; }
figure { margin-left: 0; margin-right: 0; }
figcaption { font-weight: 600; }
img, svg { height: auto; max-width: 100%; }
svg { width: 100%; }
svg text { fill: currentColor; font-size: 12px; }
svg .value { text-anchor: end; }
svg .label { text-anchor: middle; }
svg .grid { stroke: var(--line); }
svg .mark { fill: var(--mark); }
svg .path { fill: none; stroke: var(--mark); stroke-width: 2; }
`;
