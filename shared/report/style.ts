import { DRAWINGS, THEME } from "./theme.ts";

const TOP = `
.made{display:flex;gap:.8rem;align-items:center;margin-bottom:2.2rem;font-size:.9375rem}
.shares{display:block;width:100%;height:10px;margin:1.8rem 0 .8rem;border-radius:5px}
.shares .ready{fill:var(--good)}
.shares .loss{fill:var(--warn)}
.shares .unjudged{fill:var(--quiet)}
.shares .not{fill:var(--bad)}
.groups{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.6rem}
.groups li{display:flex;align-items:center;gap:.45em}
.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1.5rem 2rem;margin-top:2.4rem;padding-top:1.4rem;border-top:1px solid var(--line)}
.numbers dt{font-size:.875rem;color:var(--quiet)}
.numbers dd:nth-child(2){font-size:1.6rem;font-weight:600;letter-spacing:-.01em;line-height:1.3}
.numbers .quiet{font-size:.875rem}
`;

const FINDINGS = `
.findings{list-style:none;display:grid;gap:.6rem}
.finding{background:var(--card);border:1px solid var(--line);border-radius:8px;border-left:4px solid var(--quiet)}
.finding.error{border-left-color:var(--bad)}
.finding.warn{border-left-color:var(--warn)}
summary{cursor:pointer}
.finding>summary{display:grid;grid-template-columns:6.2rem 1fr auto auto 1rem;gap:.2rem 1rem;align-items:baseline;padding:.75rem 1rem;list-style:none}
summary::-webkit-details-marker{display:none}
.finding>summary::after,.cluster>summary::after{content:"";width:.5rem;height:.5rem;border:solid var(--quiet);border-width:0 2px 2px 0;transform:rotate(45deg);justify-self:end;align-self:center}
details[open]>summary::after{transform:rotate(225deg)}
.means{font-weight:550}
.where,.finding>summary code{color:var(--quiet)}
.finding .body{padding:.1rem 1rem 1rem calc(1rem + 7.2rem)}
.finding ul{list-style:none;display:grid;gap:.45rem;margin-top:.6rem;max-height:30rem;overflow:auto}
.finding li .quiet,.finding li .fix{display:block;font-size:.9375rem}
.finding bdi{font-weight:550}
.fix b{font-size:.75rem;letter-spacing:.04em;text-transform:uppercase;margin-right:.35em}
`;

const TABLES = `
.scroll{overflow-x:auto;margin:0 -.5rem}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:400}
.fleet th,.fleet td{padding:.55rem .6rem;border-bottom:1px solid var(--line);vertical-align:middle}
.fleet thead th{font-size:.8125rem;color:var(--quiet);white-space:nowrap;border-bottom-color:var(--quiet)}
.fleet tbody th{font-weight:550;min-width:9.5rem}
.fleet tbody tr:hover{background:var(--card)}
.fleet .labels{display:block;font-size:.8125rem;font-weight:400}
.fleet td .quiet,.fleet .bad{white-space:nowrap}
.n{text-align:right!important;white-space:nowrap}
.filter{border:0;margin:0 0 .8rem;padding:0;display:flex;flex-wrap:wrap;gap:.4rem}
.filter legend{float:left;margin-right:.8rem;padding:.25rem 0;color:var(--quiet)}
.filter label{position:relative;cursor:pointer}
.filter input{position:absolute;opacity:0;inset:0;width:100%;height:100%;margin:0;cursor:pointer}
.filter span{display:block;padding:.25rem .8rem;border:1px solid var(--line);border-radius:99px;background:var(--card)}
.filter input:checked+span{border-color:var(--ink);box-shadow:inset 0 0 0 1px var(--ink)}
.filter input:focus-visible+span{outline:3px solid var(--accent);outline-offset:2px}
.fleet:has([value=not]:checked) tbody tr:not(.not),.fleet:has([value=unjudged]:checked) tbody tr:not(.unjudged),.fleet:has([value=loss]:checked) tbody tr:not(.loss),.fleet:has([value=ready]:checked) tbody tr:not(.ready){display:none}
`;

const CLUSTERS = `
.cluster{background:var(--card);border:1px solid var(--line);border-radius:8px;margin-bottom:.6rem}
.many .cluster{content-visibility:auto;contain-intrinsic-size:auto 3.4rem}
.cluster>summary{display:grid;grid-template-columns:minmax(8rem,16rem) 10.5rem 1fr 1rem;gap:.3rem 1rem;align-items:center;padding:.8rem 1.1rem;list-style:none}
.inside{padding:.6rem 1.1rem 1.3rem;scroll-margin-top:4.5rem}
.halves{display:grid;grid-template-columns:minmax(0,1.35fr) minmax(0,1fr);gap:1.5rem 2.5rem}
.lines th,.lines td{padding:.35rem .7rem .35rem 0;vertical-align:top;font-size:.9375rem;border-bottom:1px solid var(--line)}
.lines th{width:32%}
.lines td:nth-child(2){width:6.5rem}
.lines .fix{display:block;margin-top:.15rem}
.lines+.quiet,.quiet+.quiet{margin-top:.5rem;font-size:.875rem}
.own{list-style:none;display:grid;gap:.35rem;font-size:.9375rem}
.own code{color:var(--quiet)}
.inside h4:not(:first-child){margin-top:1.5rem}
.facts{margin-top:1.2rem;font-size:.9375rem;display:grid;gap:.3rem}
.facts div{display:grid;grid-template-columns:6.5rem 1fr}
.facts dt{color:var(--quiet)}
.more{margin-top:.7rem;font-size:.875rem}
.more summary{color:var(--accent)}
.more th,.more td{padding:.15rem .8rem .15rem 0}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(18rem,1fr));gap:1.4rem 1.8rem;margin-top:1.6rem;padding-top:1.3rem;border-top:1px solid var(--line)}
figcaption{font-size:.9375rem;margin-bottom:.2rem;color:var(--quiet)}
figcaption b{color:var(--ink);font-weight:600;margin-right:.3em}
.empty{color:var(--quiet);font-size:.875rem;padding:1.2rem 0}
footer{margin-top:4rem;padding-top:.1rem;border-top:1px solid var(--line);font-size:.9375rem;color:var(--quiet)}
footer h2{font-size:1rem;margin:1.4rem 0 .8rem;color:var(--ink)}
footer dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:.9rem 2rem}
footer dt{color:var(--ink);font-weight:550}
`;

const NARROW = `
@media (max-width:60rem){.wide{display:none}.halves{grid-template-columns:minmax(0,1fr)}}
@media (max-width:40rem){
body{padding:1.1rem 1rem 3rem}
h2{margin-top:2.6rem}
.made{margin-bottom:1.5rem}
.numbers{grid-template-columns:1fr 1fr;gap:1.1rem 1.2rem}
.numbers dd:nth-child(2){font-size:1.3rem}
.finding>summary{grid-template-columns:1fr auto;padding:.7rem .8rem}
.finding>summary .means{grid-column:1/-1;grid-row:2}
.finding>summary .where{grid-column:1;grid-row:3}
.finding>summary code{grid-column:1/-1;grid-row:4}
.finding>summary::after{grid-column:2;grid-row:1}
.finding .body{padding:0 .8rem .8rem}
.fleet thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.fleet tbody,.fleet table{display:block}
.fleet tbody tr{display:grid;grid-template-columns:1fr auto;gap:.15rem .8rem;padding:.6rem .5rem;border-bottom:1px solid var(--line)}
.fleet tbody th,.fleet tbody td{padding:0;border:0}
.fleet tbody td:nth-child(2),.fleet tbody td:nth-child(4){justify-self:end}
.fleet tbody .wide,.fleet tr>:nth-child(8){display:none}
.cluster>summary{grid-template-columns:1fr auto 1rem;padding:.7rem .8rem}
.cluster>summary .age{grid-column:1/-1;grid-row:2;font-size:.9375rem}
.inside{padding:.4rem .8rem 1rem}
.lines,.lines tbody,.lines tr,.lines th,.lines td{display:block;width:auto!important;border:0;padding:0}
.lines tr{padding:.5rem 0;border-bottom:1px solid var(--line)}
.lines th{font-weight:550}
}
`;

/** On paper all that a fleet of ordinary size has is unfolded; of a large one what a person unfolded. */
const PRINT = `
@media print{
:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--quiet:#444;--line:#ccc;--accent:#0b5c87;--good:#0f7b57;--warn:#955500;--bad:#b8380a;--missed:#7a4196;--cut:#fff;--belt:#c2410c}
@page{margin:14mm}
html{font-size:8.5pt}
body{max-width:none;padding:0}
.skip,.filter,.finding>summary::after,.cluster>summary::after{display:none}
a{color:inherit;text-decoration:none}
h1{font-size:20pt;max-width:none}
h2{margin-top:18pt;break-after:avoid}
.shares,.good,.strip path,.chart *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.wide{display:table-cell}
.scroll{overflow:visible;margin:0}
.strip{max-width:none}
.numbers{grid-template-columns:repeat(4,1fr);gap:1rem}
thead{display:table-header-group}
tr,figure,.finding,.numbers div,.facts div{break-inside:avoid}
.cluster>summary{break-after:avoid}
.finding ul{max-height:none;overflow:visible}
.fleet th,.fleet td{padding:3pt 4pt}
details:not(.many *)::details-content{content-visibility:visible;block-size:auto}
.each>.cluster{border:0;border-top:1px solid #999;border-radius:0;padding-top:4pt}
.halves{grid-template-columns:minmax(0,1.3fr) minmax(0,1fr)}
.figures{grid-template-columns:repeat(3,1fr)}
}
@media (forced-colors:active){.shares rect,.calendar path,.strip path{forced-color-adjust:none}}
`;

/** All of the page's style: its hash stands in the page's policy, so there is nothing in it that depends on what is shown. */
export const STYLE = [THEME, DRAWINGS, TOP, FINDINGS, TABLES, CLUSTERS, NARROW, PRINT].join("");
