/** Colours and type of the page. Each colour of text has a contrast of at least 4.5 to what it stands on, in both themes; those of states also differ in lightness (after Okabe and Ito). */
export const THEME = `
:root{color-scheme:light dark;--paper:#fcfbf8;--card:#fff;--ink:#1d2126;--quiet:#59626c;--line:#e2dfd7;--accent:#0b5c87;--good:#0f7b57;--warn:#955500;--bad:#b8380a;--missed:#7a4196;--cut:#fff;--belt:#c2410c}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1b1f23;--ink:#e6e9ec;--quiet:#a3acb5;--line:#30363c;--accent:#83c4ea;--good:#45bd92;--warn:#e6ab45;--bad:#ff9068;--missed:#cfa3e6;--cut:#14171a;--belt:#f0703a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:76rem;padding:2rem 1.5rem 4rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Ubuntu,"Liberation Sans",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
h1,h2,h3,h4,p,dl,dd,ol,ul,figure,table{margin:0;padding:0}
h1{font-size:clamp(1.6rem,1.1rem + 2.2vw,2.6rem);line-height:1.15;font-weight:650;letter-spacing:-.02em;text-wrap:balance;max-width:24ch}
h2{font-size:1.25rem;font-weight:650;letter-spacing:-.01em;margin:3.5rem 0 1rem}
h3{font-size:1.05rem;font-weight:650}
h4{font-size:.95rem;font-weight:650;margin:0 0 .6rem}
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:.18em}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
code{font:.875em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.quiet{color:var(--quiet);font-weight:400}
.bad,.bad b{color:var(--bad)}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;padding:.5rem 1rem;background:var(--card);z-index:1}
.note{border-left:3px solid var(--warn);padding:.1rem 0 .1rem .75rem;margin:0 0 1rem}
.calm{color:var(--quiet);font-size:1.05rem}
`;

/** Shapes of the drawings: icons, the calendar, charts. */
export const DRAWINGS = `
.icons{position:absolute}
.icon{width:1em;height:1em;flex:none;vertical-align:-.14em}
.bad .icon{margin-right:.35em}
.full{fill:currentColor}
.open,.cut{fill:none;stroke:currentColor;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}
.cut{stroke:var(--cut)}
.dashed{stroke-dasharray:2.6 2.2;stroke-linecap:butt}
.chip{white-space:nowrap;font-weight:550}
.chip .icon{margin-right:.42em}
.chips{display:inline-flex;gap:.8em}
.chip.ready,.chip.yes,li.ready .icon{color:var(--good)}
.chip.loss,.chip.warn,li.loss .icon{color:var(--warn)}
.chip.not,.chip.error,.chip.no,li.not .icon{color:var(--bad)}
.chip.unjudged,.chip.info,.chip.unknown,li.unjudged .icon{color:var(--quiet)}
.belt{color:var(--belt);flex:none}
.belt .band{stroke:var(--paper);stroke-width:4.5}
.calendar,.strip{display:block;max-width:100%}
.calendar{height:auto}
.calendar text,.chart text{font-size:10px;fill:var(--quiet)}
.good{fill:var(--good)}
.unproven{fill:var(--warn)}
.calendar .failed{fill:none;stroke:var(--bad);stroke-width:2.2;stroke-linecap:round}
.calendar .missed{fill:none;stroke:var(--missed);stroke-width:1.8}
.calendar .none{fill:none;stroke:var(--quiet);stroke-width:1}
.calendar .run,.strip .run{fill:none;stroke:var(--good);stroke-width:13;stroke-dasharray:13 3}
.strip path{fill:none;stroke-width:4}
.strip .run{stroke-width:20;stroke-dasharray:4 1}
.strip .good{stroke:var(--good)}
.strip .unproven{stroke:var(--warn)}
.strip .failed{stroke:var(--bad)}
.strip .missed{stroke:var(--missed);stroke-dasharray:2.4 1.2}
.strip .none{stroke:var(--quiet)}
.chart{display:block;width:100%;height:auto}
.chart .e{text-anchor:end}
.chart .m{text-anchor:middle}
.chart .grid{stroke:var(--line);stroke-width:1;fill:none}
.chart .line{fill:none;stroke:var(--accent);stroke-width:1.8;stroke-linejoin:round}
.chart .thin{stroke-width:1;stroke-opacity:.6}
.chart .fill{fill:var(--accent);fill-opacity:.12}
.chart .end{fill:var(--accent)}
.chart .bars{stroke:var(--accent);stroke-opacity:.55;fill:none}
.chart .over{stroke:var(--bad);stroke-opacity:1}
.chart .dots{stroke:var(--accent);stroke-width:4.4;stroke-linecap:round;fill:none}
.chart .crosses{stroke:var(--bad);stroke-width:2;stroke-linecap:round;fill:none}
.chart .limit{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:5 3;fill:none}
.chart .limit-name{fill:var(--ink);paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;margin:.7rem 0 0;font-size:.8125rem;color:var(--quiet)}
.key{display:inline-flex;align-items:center;gap:.4em}
`;
