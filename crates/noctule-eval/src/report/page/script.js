"use strict";
// Budgets, plots and texts of the page. Everything is in the page; nothing is fetched. The rule of choice is that of
// noctule's `recommend`.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const digits = (x) => (x >= 99.95 ? x.toFixed(0) : x >= 9.995 ? x.toFixed(1) : x.toFixed(2));
  const percent = (x) => digits(100 * x) + " %";
  const time = (s) => (s < 99.5 ? s.toFixed(0) + " s" : s < 5970 ? digits(s / 60) + " min" : digits(s / 3600) + " h");
  const megabytes = (b) => (b / 1e6).toFixed(b < 9.95e6 ? 1 : 0) + " MB";
  const el = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const svg = (name, attributes = {}) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };

  document.addEventListener("click", (event) => {
    const text = event.target.dataset && event.target.dataset.copy;
    if (!text) return;
    const done = () => { event.target.textContent = "Copied"; setTimeout(() => { event.target.textContent = "Copy"; }, 1500); };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => {});
  });

  // Budgets
  const hourOf = (p) => (p.hour ? p.hour[2] : p.factor ? 3600 * p.factor[2] : Infinity);
  const value = {
    words: (p) => (p.errors ? p.errors[0] : Infinity),
    speed: (p) => (p.factor ? p.factor[0] : Infinity),
    memory: (p) => p.memory ?? Infinity,
  };
  const fits = (p, b) =>
    (b.hour === Infinity || hourOf(p) <= b.hour) &&
    (b.memory === Infinity || (p.memory ?? Infinity) <= b.memory) &&
    (b.errors === Infinity || (p.errors ? p.errors[2] : Infinity) <= b.errors);
  const ties = (p, best, goal) => {
    if (goal === "words") {
      if (p.tie !== null && best.tie !== null) return !data.worse[best.tie][p.tie];
      return p.errors && best.errors && p.errors[0] <= best.errors[2];
    }
    if (goal === "speed") return p.factor && best.factor && p.factor[1] <= best.factor[2];
    return value[goal](p) <= 1.05 * value[goal](best);
  };
  const rank = (p, goal) => {
    const cool = p.joules ?? value.speed(p);
    return goal === "words" ? [p.file, cool, value.speed(p), value.words(p)] : [value.words(p), p.file, cool, value.speed(p)];
  };
  const compare = (a, b) => { for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1; return 0; };
  const pick = (points, budget) => {
    const fitting = points.filter((p) => fits(p, budget));
    const known = fitting.filter((p) => Number.isFinite(value[budget.goal](p)));
    if (!known.length) return { choice: null, tied: [] };
    const best = known.reduce((a, b) => (value[budget.goal](b) < value[budget.goal](a) ? b : a));
    const tied = fitting.filter((p) => ties(p, best, budget.goal));
    tied.sort((a, b) => compare(rank(a, budget.goal), rank(b, budget.goal)));
    return { choice: tied[0], tied };
  };

  // A slider goes through what there is, in equal steps of the logarithm; its right end is no limit.
  const scale = (values) => {
    const known = values.filter((v) => Number.isFinite(v) && v > 0);
    const low = 0.8 * Math.min(...known), high = 1.3 * Math.max(...known);
    return (position) => (position >= 100 || !known.length ? Infinity : low * Math.pow(high / low, position / 100));
  };
  const sliders = {
    hour: { limit: scale(data.points.map(hourOf)), say: time },
    memory: { limit: scale(data.points.map((p) => p.memory)), say: megabytes },
    errors: { limit: scale(data.points.map((p) => (p.errors ? p.errors[2] : NaN))), say: percent },
  };
  let budget = { hour: Infinity, memory: Infinity, errors: Infinity, goal: "words" };
  let chosen = null;
  const facts = (p) =>
    [p.errors && percent(p.errors[0]) + " of the words wrong", p.hour ? "an hour in " + time(p.hour[0]) : p.factor && digits(p.factor[0]) + " s a second", p.peak && megabytes(p.peak)]
      .filter(Boolean).join(", ");
  const decide = () => {
    if (!$("budget")) return;
    for (const [id, { limit, say }] of Object.entries(sliders)) {
      budget[id] = limit(Number($(id).value));
      $(id + "-value").textContent = budget[id] === Infinity ? "anything" : say(budget[id]);
    }
    budget.goal = $("goal").value;
    const { choice, tied } = pick(data.points, budget);
    chosen = choice;
    const out = $("pick");
    out.replaceChildren();
    if (!choice) {
      out.append("Nothing that was measured fits all of this.");
    } else {
      const equals = new Set(tied.map((p) => p.name.split(" with ")[0]));
      equals.delete(choice.name.split(" with ")[0]);
      out.append(el("b", {}, choice.name), ": " + facts(choice) + ".");
      if (equals.size) out.append(" " + equals.size + (equals.size === 1 ? " other is" : " others are") + " as good and larger.");
      out.append(el("code", {}, choice.command));
    }
    draw();
    for (const row of document.querySelectorAll("tr[data-row]")) {
      row.classList.toggle("chosen", choice !== null && Number(row.dataset.row) === choice.row);
    }
  };

  // Plots
  const size = { width: 440, height: 330, left: 40, right: 14, top: 12, bottom: 26 };
  const nice = (low, high, log) => {
    const ticks = [];
    if (log) {
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
        for (const step of [1, 2, 5]) { const tick = step * Math.pow(10, power); if (tick >= low && tick <= high) ticks.push(tick); }
      return ticks;
    }
    const raw = (high - low) / 4, power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].find((s) => s * power >= raw) * power;
    for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9; tick += step) ticks.push(tick);
    return ticks;
  };
  const colour = (family) => {
    const size = ["tiny", "base", "small", "medium", "large"].find((name) => family.startsWith(name));
    return "var(--" + (size || "accent") + ")";
  };
  const engines = [...new Set(data.points.map((p) => p.engine))];
  const mark = (engine, x, y) => {
    const shape = engines.indexOf(engine) % 3;
    if (shape === 0) return svg("circle", { cx: x, cy: y, r: 5 });
    if (shape === 1) return svg("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9 });
    return svg("path", { d: `M${x} ${y - 6}L${x + 5.5} ${y + 4.5}H${x - 5.5}Z` });
  };
  const plot = (holder, points, xOf, sayX) => {
    holder.replaceChildren();
    if (!points.length) { holder.append(el("p", { class: "hint" }, "Nothing was measured that could stand here.")); return; }
    // What writes nonsense would press all others onto one line: it stands at the upper edge with its figure.
    const rates = points.map((p) => p.errors[0]).sort((a, b) => a - b);
    const limit = 3 * rates[rates.length >> 1] || Infinity;
    const ordinary = points.filter((p) => p.errors[0] <= limit);
    const above = (p) => !ordinary.includes(p);
    const xs = points.flatMap((p) => xOf(p).slice(1)), ys = ordinary.flatMap((p) => [p.errors[1], p.errors[2]]);
    const x0 = Math.min(...xs) * 0.88, x1 = Math.max(...xs) * 1.14;
    const y0 = Math.max(0, Math.min(...ys) - 0.08 * (Math.max(...ys) - Math.min(...ys))), y1 = Math.max(Math.max(...ys) * 1.04, y0 + 0.01);
    const w = size.width - size.left - size.right, h = size.height - size.top - size.bottom;
    const x = (v) => size.left + (w * Math.log(v / x0)) / Math.log(x1 / x0);
    const y = (v) => Math.max(size.top, size.top + h * (1 - (v - y0) / (y1 - y0)));
    const root = svg("svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "img", "aria-label": "Words wrong against " + holder.id.replace("by-", "") });
    for (const tick of nice(100 * y0, 100 * y1, false)) {
      const at = y(tick / 100);
      root.append(svg("line", { x1: size.left, x2: size.width - size.right, y1: at, y2: at, class: "axis" }));
      const label = svg("text", { x: size.left - 6, y: at + 4, "text-anchor": "end" });
      label.textContent = +tick.toFixed(2) + "%";
      root.append(label);
    }
    let last = -99;
    for (const tick of nice(x0, x1, true)) {
      if (x(tick) - last < 34) continue;
      last = x(tick);
      const label = svg("text", { x: x(tick), y: size.height - 8, "text-anchor": "middle" });
      label.textContent = sayX(tick);
      root.append(svg("line", { x1: x(tick), x2: x(tick), y1: size.height - size.bottom, y2: size.height - size.bottom + 4, class: "axis" }), label);
    }
    const best = ordinary.filter((p) => !points.some((q) => q !== p && xOf(q)[0] <= xOf(p)[0] && q.errors[0] <= p.errors[0] && (xOf(q)[0] < xOf(p)[0] || q.errors[0] < p.errors[0])));
    best.sort((a, b) => xOf(a)[0] - xOf(b)[0]);
    if (best.length > 1) root.append(svg("polyline", { class: "frontier", points: best.map((p) => x(xOf(p)[0]) + "," + y(p.errors[0])).join(" ") }));
    const taken = points.map((p) => [x(xOf(p)[0]) - 6, y(p.errors[0]) - 6, 12, 12]);
    const free = (box) => box[0] > 2 && box[0] + box[2] < size.width && box[1] > 0 && !taken.some((t) => box[0] < t[0] + t[2] && t[0] < box[0] + box[2] && box[1] < t[1] + t[3] && t[1] < box[1] + box[3]);
    const order = [...points].sort((a, b) => (best.includes(b) - best.includes(a)) || a.errors[0] - b.errors[0]);
    for (const p of order) {
      const [px, low, high] = xOf(p), cx = x(px), cy = y(p.errors[0]), ink = colour(p.family);
      const group = svg("g", { class: "point" + (chosen === p ? " chosen" : ""), tabindex: 0 });
      group.append(svg("line", { class: "cross", stroke: ink, x1: x(low), x2: x(high), y1: cy, y2: cy }));
      if (!above(p)) group.append(svg("line", { class: "cross", stroke: ink, x1: cx, x2: cx, y1: y(p.errors[1]), y2: y(p.errors[2]) }));
      const dot = mark(p.engine, cx, cy);
      dot.setAttribute("class", "mark" + (fits(p, budget) ? "" : " out"));
      dot.setAttribute("fill", ink); dot.setAttribute("stroke", ink);
      group.append(dot);
      const text = above(p) ? p.label + " " + digits(100 * p.errors[0]) + "% \u2191" : p.label;
      const width = 6.2 * text.length;
      const spot = [[cx + 8, cy - 14], [cx + 8, cy + 2], [cx - 8 - width, cy - 14], [cx - 8 - width, cy + 2], [cx - width / 2, cy - 20], [cx - width / 2, cy + 8]].find((s) => free([s[0], s[1], width, 12]));
      if (spot) {
        taken.push([spot[0], spot[1], width, 12]);
        const label = svg("text", { x: spot[0], y: spot[1] + 10 });
        label.textContent = text;
        group.append(label);
      }
      const tell = () => { $("point").textContent = p.name + ": " + facts(p) + ", file " + megabytes(p.file) + "."; };
      group.addEventListener("pointerenter", tell);
      group.addEventListener("focus", tell);
      group.addEventListener("click", tell);
      root.append(group);
    }
    holder.append(root);
  };
  const draw = () => {
    const scored = data.points.filter((p) => p.errors);
    plot($("by-time"), scored.filter((p) => p.factor), (p) => p.factor, (v) => (v >= 1 ? String(+v.toFixed(1)) : String(+v.toPrecision(1))));
    plot($("by-memory"), scored.filter((p) => p.peak), (p) => [p.peak, p.peak, p.peak], (v) => (v / 1e6).toFixed(0));
    if (engines.length > 1) {
      const names = ["circles", "squares", "triangles"];
      const line = $("pareto").querySelector(".engines") || el("p", { class: "hint engines" });
      line.textContent = engines.map((e, i) => e + ": " + names[i % 3]).join("; ") + ".";
      $("pareto").querySelector(".plots").before(line);
    }
  };
  if ($("budget")) {
    for (const id of [...Object.keys(sliders), "goal"]) $(id).addEventListener("input", decide);
    decide();
  } else if ($("by-time")) {
    if (data.points.some((p) => p.errors && p.factor)) draw(); else $("pareto").hidden = true;
  }

  // Texts
  if (!$("recordings") || !data.texts.length) return;
  const [left, right] = [$("left"), $("right")];
  data.texts.forEach((t, i) => { left.append(el("option", { value: i }, t.name)); right.append(el("option", { value: i }, t.name)); });
  const float = data.texts.findIndex((t) => t.float);
  left.value = float < 0 ? 0 : float;
  right.value = data.texts.findIndex((t, i) => i !== Number(left.value));
  if (right.value === "" || right.value === "-1") right.value = left.value;
  // The words of one text beside those of the reference: [class, word] pieces.
  const pieces = ([, words, operations], reference) => {
    const own = words ? words.split(" ") : [], said = reference ? reference.split(" ") : [];
    let i = 0, j = 0;
    return [...operations].map((operation) => {
      if (operation === "d") return ["d", said[i++]];
      if (operation === "i") return ["i", own[j++]];
      i++;
      return [operation === "s" ? "s" : "", own[j++]];
    });
  };
  const errors = (entry) => (entry ? [...entry[2]].filter((o) => o !== "=").length : 0);
  const line = (who, nodes) => [el("span", { class: "who" }, who), el("span", { class: "said" }, ...nodes)];
  const coloured = (entry, reference) => {
    if (!entry) return ["–"];
    if (entry[0] === null) return [el("span", { class: "none" }, "no text")];
    return pieces(entry, reference).flatMap(([kind, word]) => [kind ? el({ s: "span", d: "del", i: "ins" }[kind], { class: kind }, word) : word, " "]);
  };
  let shown = 20;
  const list = () => {
    const [a, b] = [data.texts[left.value], data.texts[right.value]];
    const indices = data.utterances.map((_, i) => i).filter((i) => (a.of[i] || b.of[i]) && (!$("differ").checked || a === b ? errors(a.of[i]) + errors(b.of[i]) > 0 || !$("differ").checked : (a.of[i] || [])[1] !== (b.of[i] || [])[1]));
    indices.sort((i, j) => errors(b.of[j]) - errors(a.of[j]) - (errors(b.of[i]) - errors(a.of[i])) || errors(b.of[j]) - errors(b.of[i]) || i - j);
    const holder = $("utterances");
    holder.replaceChildren();
    if (!indices.length) holder.append(el("p", { class: "hint" }, "They do not differ in a single word."));
    for (const i of indices.slice(0, shown)) {
      const u = data.utterances[i];
      const head = el("header", {}, el("span", {}, u.id), el("span", {}, digits(u.seconds) + " s"));
      if (u.speaker) head.append(el("span", {}, u.speaker));
      if (u.audio) head.append(el("audio", { controls: "", preload: "none", src: u.audio }));
      const lines = el("div", { class: "lines" }, ...line("said", [u.words]), ...line(a.name, coloured(a.of[i], u.words)));
      if (a !== b) lines.append(...line(b.name, coloured(b.of[i], u.words)));
      const raw = (entry) => (entry && entry[0] !== null ? entry[0] : "no text");
      const block = el("article", { class: "utterance" }, head, lines);
      const details = el("details", { class: "raw" }, el("summary", {}, "as written"), el("p", {}, a.name + ": " + raw(a.of[i])));
      if (a !== b) details.append(el("p", {}, b.name + ": " + raw(b.of[i])));
      block.append(details);
      holder.append(block);
    }
    $("more").hidden = indices.length <= shown;
  };
  for (const node of [left, right, $("differ")]) node.addEventListener("input", () => { shown = 20; list(); });
  $("more").addEventListener("click", () => { shown += 50; list(); });
  list();
})();
