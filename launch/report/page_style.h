// How Caravan's pages look: inline, light or dark as the reader's browser asks. Charts of
// launch/svg_chart take their colours from it.
#ifndef CARAVAN_LAUNCH_REPORT_PAGE_STYLE_H_
#define CARAVAN_LAUNCH_REPORT_PAGE_STYLE_H_

#include <string_view>

namespace caravan::launch {

inline constexpr std::string_view kPageStyle = R"(<style>
:root{--paper:#fbfaf7;--ink:#22252a;--soft:#6a6f78;--rule:#dcd8cf;--card:#fff;
--c0:#1d5f8a;--c1:#b4552d;--c2:#4a7c3a;--c3:#7a4e8f;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#e4e3df;--soft:#9a9fa8;
--rule:#33373e;
--card:#1d2025;--c0:#6db3dd;--c1:#e5946f;--c2:#8fc47d;--c3:#c29ad6}}
body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:1120px;
margin:0 auto;padding:32px 20px 64px}
h1{font-weight:600;font-size:26px;margin:0}h2{font-size:17px;font-weight:600;margin:40px 0 12px}
p.lead{color:var(--soft);margin:4px 0 20px}
.facts{display:flex;flex-wrap:wrap;gap:12px}.fact{background:var(--card);
border:1px solid var(--rule);
border-radius:6px;padding:10px 16px}.fact b{display:block;font-size:20px;font-weight:600}
.fact span{color:var(--soft);font-size:13px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:14px}
svg{background:var(--card);border:1px solid var(--rule);border-radius:6px;width:100%}
svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .title{font-weight:600;font-size:13px}
svg .tick{fill:var(--soft);font-size:11px}svg .grid{stroke:var(--rule);stroke-width:1}
svg path{fill:none;stroke-width:1.6;stroke-linejoin:round}
svg .line0{stroke:var(--c0)}svg .line1{stroke:var(--c1)}svg .line2{stroke:var(--c2)}
svg .line3{stroke:var(--c3)}svg .dot0{fill:var(--c0)}svg .dot1{fill:var(--c1)}
svg .dot2{fill:var(--c2)}svg .dot3{fill:var(--c3)}svg .name0{fill:var(--c0)}
svg .name1{fill:var(--c1)}svg .name2{fill:var(--c2)}svg .name3{fill:var(--c3)}
.wide{overflow-x:auto}table{border-collapse:collapse;background:var(--card);font-size:14px;
font-variant-numeric:tabular-nums}th,td{border:1px solid var(--rule);padding:5px 10px;
text-align:right}
th:first-child,td:first-child{text-align:left}th{font-weight:600}
details{margin-top:12px}pre{background:var(--card);border:1px solid var(--rule);border-radius:6px;
padding:14px;overflow:auto;font-size:12.5px}
</style>
)";

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_PAGE_STYLE_H_
