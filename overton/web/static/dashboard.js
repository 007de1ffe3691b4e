// What editors do: labels, tags, slices, builds, promotions. Everything is sent as JSON, with the token of this page.
"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const one = (query, root = document) => root.querySelector(query);
  const token = one('meta[name="overton-token"]').content;
  const typing = (node) => node.matches("input:not([type=checkbox]):not([type=radio]), select, textarea");

  // Every answer that is no success tells its problems in one form.
  const words = (problems) => problems.map((one) => one.message + (one.hint ? `. ${one.hint}` : "")).join(" · ");
  const SILENT = "the dashboard does not answer: was it stopped?";
  const post = async (url, body) => {
    let answer;
    try {
      answer = await fetch(url, {
        method: "POST", body: JSON.stringify(body),
        headers: { "Content-Type": "application/json", "X-Overton-Token": token },
      });
    } catch {
      throw { problems: [{ message: SILENT }] };
    }
    const value = await answer.json();
    if (!answer.ok) throw value;
    return value;
  };
  const say = (output, text, bad = false) => {
    output.textContent = text;
    output.classList.toggle("bad", bad);
  };
  const attempt = async (output, work) => {
    say(output, "…");
    try {
      return await work();
    } catch (refused) {
      if (!refused.problems) throw refused;
      say(output, words(refused.problems), true);
      return null;
    }
  };
  const counted = (lines) => {
    const edits = one("#edits");
    const n = Number(edits.dataset.n) + lines;
    edits.dataset.n = n;
    edits.textContent = n === 1 ? "1 edit" : `${n} edits`;
    edits.classList.remove("none");
  };

  // Who labels is remembered by the browser.
  const editor = one("#editor");
  try { editor.value = localStorage.getItem("overton-editor") || editor.value; } catch { /* not allowed here */ }
  const shownEditor = () => document.body.classList.toggle("as-gold", editor.value.trim() === "gold");
  editor.addEventListener("change", () => {
    try { localStorage.setItem("overton-editor", editor.value.trim()); } catch { /* not allowed here */ }
  });
  editor.addEventListener("input", shownEditor);
  shownEditor();

  // Labels.
  const save = async (form, label) => {
    const said = JSON.parse(form.dataset.edit);
    const body = { id: said.id, task: said.task, editor: editor.value.trim() };
    if (said.unit === null) body.label = label;
    else body.units = { [said.unit]: label };
    const done = await attempt(one("output", form), () => post("/edits/label", body));
    if (!done) return false;
    say(one("output", form), `${body.editor} ${done.message}`);
    form.classList.add("saved");
    for (const button of all(".pick", form)) {
      button.classList.toggle("chosen", button.dataset.label === JSON.stringify(label));
      button.setAttribute("aria-pressed", button.classList.contains("chosen"));
    }
    const panel = form.closest(".panel");
    if (panel) one(`.tok[data-unit="${panel.dataset.unit}"]`, panel.closest(".work")).classList.add("edited");
    counted(done.count);
    return true;
  };
  const plainJson = (text) => JSON.stringify(JSON.parse(text));
  for (const form of all("form.edit")) {
    const said = JSON.parse(form.dataset.edit);
    for (const button of all(".pick", form)) {
      button.dataset.label = plainJson(button.dataset.label);
      button.addEventListener("click", () => save(form, JSON.parse(button.dataset.label)));
    }
    const other = one("[data-other]", form);
    const take = () => {
      const text = other.value.trim();
      if (text) save(form, said.type === "select" ? Number(text) : text);
    };
    form.addEventListener("submit", (event) => { event.preventDefault(); if (other) take(); });
    // With the keys a menu changes at every step: what is meant is known at Enter, or when the focus leaves.
    if (other?.matches("select")) {
      let keys = false;
      let open = false;
      const settle = () => { if (open) { open = false; take(); } };
      other.addEventListener("pointerdown", () => { keys = false; });
      other.addEventListener("keydown", (event) => {
        keys = true;
        if (event.key === "Enter" && open) { event.preventDefault(); settle(); }
      });
      other.addEventListener("change", () => {
        open = keys;
        if (keys) say(one("output", form), other.value ? "Enter saves it" : "");
        else take();
      });
      other.addEventListener("blur", settle);
    }
    one("[data-save]", form)?.addEventListener("click", () => {
      save(form, all("[data-bit]", form).filter((box) => box.checked).map((box) => JSON.parse(box.dataset.bit)));
    });
  }

  // Tags and slices.
  for (const form of all("form.addtag")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const input = one("input", form);
      const tag = input.value.trim();
      const output = one("output", form);
      const done = await attempt(output, () => post("/edits/tag", { ids: JSON.parse(form.dataset.tag), tag }));
      if (!done) return;
      say(output, done.message);
      if (done.count) {
        const chip = document.createElement("a");
        chip.className = `chip${tag.startsWith("slice:") ? " slice" : ""}`;
        chip.textContent = tag;
        chip.href = `/slice?tag=${encodeURIComponent(tag)}`;
        form.before(chip, " ");
        counted(done.count);
      }
      input.value = "";
    });
  }
  for (const form of all("form.save")) {
    const saveSlice = async (body) => {
      const output = one("output", form);
      let there = false;
      const done = await attempt(output, () => post("/edits/slice", body).catch((refused) => {
        there = refused.problems?.[0].code === "edits.slice-exists";
        throw refused;
      }));
      if (there) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = "Replace it";
        button.addEventListener("click", () => saveSlice({ ...body, replace: true }));
        output.append(" ", button);
      }
      if (!done) return;
      say(output, "");
      const link = document.createElement("a");
      link.href = `/slice?tag=${encodeURIComponent(done.tag)}`;
      link.textContent = done.message;
      output.append(link);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      saveSlice({ ...JSON.parse(form.dataset.slice), name: one("[data-name]", form).value.trim() });
    });
  }

  // A strip of words, of which one is shown at a time.
  for (const work of all(".work")) {
    const toks = all(".tok", work);
    const choose = (tok, focus = false) => {
      for (const other of toks) {
        const on = other === tok;
        other.setAttribute("aria-selected", on);
        other.tabIndex = on ? 0 : -1;
      }
      for (const panel of all(".panel", work)) panel.classList.toggle("on", panel.dataset.unit === tok.dataset.unit);
      if (focus) tok.focus();
    };
    toks.forEach((tok, place) => {
      tok.addEventListener("click", () => choose(tok));
      tok.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const next = step && toks[place + step];
        if (next) { event.preventDefault(); choose(next, true); }
      });
    });
    const first = toks.find((tok) => tok.classList.contains("wrong")) ?? toks[0];
    if (first) choose(first);
  }

  // Keys. A digit labels what is in sight: of the record that has the focus, the first item that is not labelled yet.
  const cases = all("article.case");
  const near = () => document.activeElement.closest?.(".case") ?? null;
  const formOf = (place) => {
    const within = document.activeElement.closest?.("form.edit");
    if (within) return within;
    const shown = one(".panel.on form.edit", place);
    if (shown) return shown;
    const forms = all("form.edit", place).filter((form) => !form.closest(".panel"));
    return forms.find((form) => !form.classList.contains("saved")) ?? forms[0];
  };
  const move = (step) => {
    const here = cases.indexOf(near());
    const next = cases[here < 0 ? (step > 0 ? 0 : cases.length - 1) : here + step];
    if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
  };
  document.addEventListener("keydown", async (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const place = near() ?? one(".work.case");
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "o" && place) one("a.open", place)?.click();
    else if (event.key === "n") one("#after")?.click();
    else if (event.key === "p") one("#before")?.click();
    else if (event.key === "t") { const tag = one("#newtag"); if (tag) { event.preventDefault(); tag.focus(); } }
    else if (/^[1-9]$/.test(event.key) && place) {
      const form = formOf(place);
      const pick = form && all(".pick", form)[Number(event.key) - 1];
      if (!pick) return;
      event.preventDefault();
      const done = await save(form, JSON.parse(pick.dataset.label));
      const rest = all("form.edit", place).some((other) => !other.classList.contains("saved"));
      if (done && !rest && place.matches("article")) move(1);
    }
  });

  // A report that is being made: shown once it is there, unless somebody has begun to read.
  const wait = one("#wait");
  if (wait) {
    fetch(wait.dataset.url, { headers: { Accept: "application/json" } }).then(async (answer) => {
      if (!answer.ok) { wait.textContent = words((await answer.json()).problems); return; }
      if (scrollY < 80 && document.activeElement === document.body) { location.reload(); return; }
      const link = document.createElement("a");
      link.href = location.href;
      link.textContent = "They are there: show them";
      wait.replaceChildren(link);
    }).catch(() => { wait.textContent = SILENT; });
  }

  // Builds.
  const build = one("form#build");
  build?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const how = build.elements.how.value;
    const body = { seed: Number(build.elements.seed.value) };
    if (how === "promote") { body.promote = "live"; body.why = build.elements.why.value.trim(); }
    if (how === "from") body.parent = build.elements.parent.value;
    const done = await attempt(one("output", build), () => post("/builds", body));
    if (done) location.href = done.url;
  });
  const time = (value) => (value < 120 ? `${value.toFixed(0)} s` : `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`);
  const drawStages = (list, stages) => {
    list.replaceChildren(...stages.map((stage) => {
      const item = document.createElement("li");
      item.className = stage.done ? "done" : "now";
      const name = document.createElement("b");
      name.textContent = stage.name;
      const bar = document.createElement("progress");
      bar.max = 1;
      if (stage.done) bar.value = 1;
      else if (stage.share !== null) bar.value = stage.share;
      const text = document.createElement("span");
      text.textContent = stage.text.slice(0, 200);
      item.append(name, " ", bar, " ", text);
      return item;
    }));
  };
  const watched = one("#watched");
  const running = one("#job");
  const watch = (job, page) => {
    let silent = false;
    const tell = (text) => {
      if (page && (text || silent)) say(one("#outcome"), text);
      silent = Boolean(text);
    };
    const look = async () => {
      let found;
      try {
        const answer = await fetch(`/builds/${encodeURIComponent(job)}.json`);
        found = await answer.json();
        if (!answer.ok) throw found;
        tell("");
      } catch (refused) {
        running.textContent = "Build: no answer";
        tell(refused.problems ? words(refused.problems) : `${SILENT} The build goes on all the same.`);
        setTimeout(look, 3000);
        return;
      }
      const now = found.stages.filter((stage) => !stage.done).pop();
      if (found.state === "running") {
        running.textContent = now ? `Building: ${now.name}${now.share === null ? "" : ` ${Math.round(now.share * 100)} %`}` : "Building …";
        if (page) {
          drawStages(one("#stages"), found.stages);
          one("#took").textContent = time(found.seconds);
          const log = one("#log");
          const end = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
          log.textContent = found.log;
          if (end) log.scrollTop = log.scrollHeight;
        }
        setTimeout(look, 1000);
      } else if (page) location.reload();
      else {
        running.textContent = `Build ${found.state}`;
        running.href = `/builds/${job}`;
        running.classList.add(found.state === "done" ? "good" : "bad");
      }
    };
    look();
  };
  if (watched?.dataset.state === "running") watch(watched.dataset.job, true);
  else if (running?.dataset.job) watch(running.dataset.job, false);
  one("#stop")?.addEventListener("click", async (event) => {
    event.target.disabled = true;
    const done = await attempt(one("#outcome"), () => post(`/builds/${encodeURIComponent(watched.dataset.job)}/stop`, {}));
    if (!done) event.target.disabled = false;
  });

  // Promotions.
  const promotion = one("form.promotion");
  for (const button of all("[data-promote]")) {
    button.addEventListener("click", () => {
      promotion.hidden = false;
      promotion.dataset.version = button.dataset.promote;
      one("[data-shown]", promotion).textContent = button.dataset.promote;
      one("[data-force]", promotion).hidden = true;
      one(".findings", promotion).replaceChildren();
      say(one("output", promotion), "");
      promotion.scrollIntoView({ block: "nearest" });
      promotion.elements.alias.focus();
    });
  }
  const promote = async (force) => {
    const body = {
      version: promotion.dataset.version, alias: promotion.elements.alias.value.trim(),
      why: promotion.elements.why.value.trim(), force,
    };
    const output = one("output", promotion);
    const list = one(".findings", promotion);
    list.replaceChildren();
    say(output, force ? "…" : "Comparing …");
    try {
      const done = await post("/promote", body);
      say(output, done.message);
      setTimeout(() => location.reload(), 900);
    } catch (refused) {
      if (!refused.problems) throw refused;
      say(output, "Refused", true);
      list.replaceChildren(...refused.problems.map((problem) => {
        const item = document.createElement("li");
        item.textContent = problem.message + (problem.hint ? `. ${problem.hint}` : "");
        return item;
      }));
      const gate = refused.problems.some((problem) => /^(gate\.|application\.incompatible|compare\.)/.test(problem.code));
      one("[data-force]", promotion).hidden = !gate;
      if (gate) promotion.elements.why.placeholder = "say why, to overrule the gate";
    }
  };
  promotion?.addEventListener("submit", (event) => { event.preventDefault(); promote(false); });
  promotion && one("[data-force]", promotion).addEventListener("click", () => promote(true));

  // Records in the sections of a report lead to their pages.
  const version = new URLSearchParams(location.search).get("version");
  for (const code of all(".ex:not(.case) > header > code")) {
    if (code.textContent.endsWith("…")) continue; // cut: nobody knows the rest
    const link = document.createElement("a");
    link.href = `/record?id=${encodeURIComponent(code.textContent)}${version ? `&version=${encodeURIComponent(version)}` : ""}`;
    code.replaceWith(link);
    link.append(code);
  }
})();
