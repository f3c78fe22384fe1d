"use strict";
// Draws the charts of the page, and moves between its tabs, tables and their pages.
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 760px)");
  const drawn = new Map();

  // --- tooltips: text only, so that nothing in the data can become markup
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);

  const element = (name, text) => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };

  // Names and texts of a tooltip. Around the point that is nearest to the pointer Vega-Lite lays a cell, whose datum
  // wraps the point's: there the texts are read from the point itself.
  const entriesOf = (item, value, names) => {
    if (!value || typeof value !== "object") return [];
    const point = item?.datum?.datum ?? value;
    return Object.keys(value).map((field, number) => [names[number], point[field]]);
  };

  const showTip = (names) => (_handler, event, item, value) => {
    const entries = entriesOf(item, value, names);
    tip.hidden = entries.length === 0;
    if (tip.hidden) return;
    const list = document.createElement("dl");
    for (const [name, text] of entries.slice(1)) {
      if (text !== "") list.append(element("dt", name), element("dd", text));
    }
    tip.replaceChildren(element("b", entries[0][1]), list);
    const { offsetWidth: width, offsetHeight: height } = tip;
    const x = event.clientX + 16 + width > innerWidth ? event.clientX - width - 12 : event.clientX + 16;
    const y = event.clientY + 16 + height > innerHeight ? event.clientY - height - 12 : event.clientY + 16;
    tip.style.left = `${Math.max(8, x)}px`;
    tip.style.top = `${Math.max(8, y)}px`;
  };

  // --- charts
  const merged = (base, over) => {
    const both = { ...base };
    for (const [key, value] of Object.entries(over || {})) {
      const inner = value && typeof value === "object" && !Array.isArray(value);
      both[key] = inner ? merged(base[key] || {}, value) : value;
    }
    return both;
  };

  const draw = async (holder) => {
    const spec = structuredClone(content.charts[holder.dataset.chart]);
    const config = merged(content.themes[dark.matches ? "dark" : "light"], spec.config);
    delete spec.config;
    if (narrow.matches && config.legend && config.legend.orient === "right") config.legend.orient = "top";
    drawn.get(holder)?.finalize();
    // Vega's interpreter in place of generated code: the page's policy allows no eval.
    const tooltip = showTip(spec.usermeta?.tooltip ?? []);
    const options = { ast: true, actions: false, renderer: "svg", defaultStyle: false, config, tooltip };
    drawn.set(holder, await vegaEmbed(holder, spec, options));
  };

  const drawVisible = async () => {
    const holders = [...document.querySelectorAll("[data-chart]")].filter((holder) => holder.offsetParent !== null);
    for (const holder of holders) if (!drawn.has(holder)) await draw(holder);
    document.documentElement.dataset.drawn = String(drawn.size);
  };
  const redraw = async () => {
    for (const result of drawn.values()) result.finalize();
    drawn.clear();
    await drawVisible();
  };
  dark.addEventListener("change", redraw);
  narrow.addEventListener("change", redraw);
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  // --- tabs, as the ARIA practice has them: arrows move, Home and End jump
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const choose = (tab, focus) => {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (focus) tab.focus();
    drawVisible();
  };
  tabs.forEach((tab, number) => {
    tab.addEventListener("click", () => choose(tab, false));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: number + 1, ArrowLeft: number - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(tabs[(to + tabs.length) % tabs.length], true);
    });
  });

  // --- a chart or its numbers
  for (const button of document.querySelectorAll(".toggle")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const asTable = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(asTable));
      const card = button.closest(".card");
      card.querySelector(".chart").hidden = asTable;
      card.querySelector(".numbers").hidden = !asTable;
      if (!asTable) drawVisible();
    });
  }
  for (const numbers of document.querySelectorAll(".numbers")) numbers.hidden = true;
  for (const chart of document.querySelectorAll(".chart")) chart.hidden = false;

  // --- pages of tables
  for (const holder of document.querySelectorAll("[data-table]")) {
    const { rows, numeric, size } = content.tables[holder.dataset.table];
    const pager = holder.querySelector(".pager");
    if (!pager) continue;
    const [back, on] = pager.querySelectorAll("button");
    const said = pager.querySelector("span");
    const last = Math.ceil(rows.length / size) - 1;
    let page = 0;
    const turn = (to) => {
      page = Math.min(Math.max(to, 0), last);
      const body = rows.slice(page * size, page * size + size).map((row) => {
        const line = document.createElement("tr");
        line.append(...row.map((text, column) => {
          const cell = element("td", text);
          if (numeric[column]) cell.className = "number";
          return cell;
        }));
        return line;
      });
      holder.querySelector("tbody").replaceChildren(...body);
      holder.querySelector(".rows").scrollTop = 0;
      const count = rows.length.toLocaleString("en");
      said.textContent = `${page * size + 1}–${Math.min(rows.length, page * size + size)} of ${count}`;
      back.disabled = page === 0;
      on.disabled = page === last;
    };
    back.addEventListener("click", () => turn(page - 1));
    on.addEventListener("click", () => turn(page + 1));
    pager.hidden = false;
    turn(0);
  }

  drawVisible();
})();
