"use strict";
// Is one row's figure more than another's? The same rule as reports/pairs.py: it adds up stored logarithms and looks up
// half-widths that were worked out when the page was made.
const comparer = (data) => {
  const kept = new Map();
  const logs = (cell, key) => {
    const name = `${cell.stack}|${cell.runtime}|${cell.workload}|${key}`;
    if (!kept.has(name)) {
      const pairs = cell.each[key].map((value, i) => [cell.each.blocks[i], value]).filter(([, value]) => value !== null);
      kept.set(name, new Map(pairs.map(([block, value]) => [block, Math.log(value)])));
    }
    return kept.get(name);
  };
  const halfWidth = ({ half, t, own }, a, b, differences, mean) => {
    const n = differences.length;
    const overall = half[`${Math.min(a.pool, b.pool)},${Math.max(a.pool, b.pool)},${n}`];
    if (n < 2 || (overall === undefined && a.pool === b.pool)) return undefined;
    const error = Math.sqrt(differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1) / n);
    return overall === undefined ? t[n] * error : Math.max(overall, own[n] * error);
  };
  return (a, b, key = "rps") => {
    if (!a || !b || !a.rps) return { verdict: "none", why: "" };
    if (a === b) return { verdict: "same", ratio: 1 };
    if (!data.claims) return { verdict: "none", why: "this run makes no claims" };
    for (const cell of [a, b]) {
      if (!cell.each?.[key]) {
        return { verdict: "none", why: key === "rps" ? cell.unranked || cell.reason || "not ranked" : "too few figures to compare" };
      }
    }
    const other = logs(b, key);
    const differences = [...logs(a, key)].filter(([block]) => other.has(block)).map(([block, value]) => value - other.get(block));
    const d = differences.reduce((sum, x) => sum + x, 0) / differences.length;
    const rule = data.compare[a.workload][key];
    const half = halfWidth(rule, a, b, differences, d);
    if (!differences.length || half === undefined) return { verdict: "none", why: "no blocks in common" };
    const [more, less, welcome] = rule.words;
    const verdict = Math.abs(d) <= half ? "undecided" : d > 0 ? more : less;
    const tone = verdict === "undecided" ? verdict : verdict === welcome ? "good" : "bad";
    return { verdict, tone, ratio: Math.exp(d), low: Math.exp(d - half), high: Math.exp(d + half) };
  };
};
