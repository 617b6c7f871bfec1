"use strict";
// A schedule on a canvas: boxes on rows, or on an axis of numbers, with zoom and hover.
const INK = "#222", FAINT = "#777", HOT = "#c62828", MOST_BARS = 2000;
const tip = document.getElementById("tip");

function nice(range, count) {  // a step of 1, 2 or 5 times a power of ten
  const raw = range / Math.max(count, 1), power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5].find((factor) => factor * power >= raw) || 10);
}

function shown(value) {
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toLocaleString("en", { maximumSignificantDigits: 8 });
}

class View {
  // `group` are views that zoom together; `revealed(i)` says whether box i is drawn yet.
  constructor(parent, scene, group = [], revealed = () => true) {
    Object.assign(this, { scene, group, revealed });
    this.count = scene.left.length;
    this.picked = -1;
    this.critical = true;
    this.order = [...Array(this.count).keys()].sort((a, b) => scene.left[a] - scene.left[b]);
    this.longest = 0;
    for (let i = 0; i < this.count; i++) this.longest = Math.max(this.longest, scene.right[i] - scene.left[i]);
    this.whole = this.extent();
    [this.x0, this.x1, this.y0, this.y1] = this.whole;
    group.push(this);
    this.build(parent);
  }

  extent() {
    const { scene } = this, marks = Object.values(scene.marks || {}), levels = Object.values(scene.levels || {});
    let left = Infinity, right = -Infinity, top = -Infinity;
    for (let i = 0; i < this.count; i++) {
      left = Math.min(left, scene.left[i]); right = Math.max(right, scene.right[i]); top = Math.max(top, scene.high[i]);
    }
    if (!this.count) [left, right, top] = [0, 1, 1];
    if (scene.rows) left = Math.min(left, 0);
    for (const mark of marks) right = Math.max(right, mark);
    for (const level of levels) top = Math.max(top, level);
    if (right <= left) right = left + 1;
    right += 0.01 * (right - left);
    return scene.rows ? [left, right, -0.5, scene.rows.length - 0.5] : [left, right, 0, 1.04 * Math.max(top, 1e-9)];
  }

  build(parent) {
    const { scene } = this, box = document.createElement("div");
    box.className = "scene";
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${scene.title}: ${this.count} boxes. Plus and minus zoom, arrows move, 0 shows all.`);
    const tools = document.createElement("div");
    tools.className = "tools";
    const button = (text, label, act) => {
      const made = document.createElement("button");
      made.type = "button"; made.textContent = text; made.setAttribute("aria-label", label);
      made.addEventListener("click", act);
      tools.append(made);
    };
    button("+", "zoom in", () => this.zoom(0.5));
    button("\u2212", "zoom out", () => this.zoom(2));
    button("\u25C0", "move left", () => this.move(-0.25));
    button("\u25B6", "move right", () => this.move(0.25));
    button("All", "show everything", () => this.reset());
    if (scene.slack) {
      const label = document.createElement("label"), check = document.createElement("input");
      check.type = "checkbox"; check.checked = true;
      check.addEventListener("change", () => { this.critical = check.checked; this.draw(); });
      label.append(check, " critical path");
      tools.append(label);
    }
    const legend = document.createElement("div");
    legend.className = "legend";
    const entry = (name, colour) => {
      const one = document.createElement("span"), square = document.createElement("i");
      square.style.background = colour;
      one.append(square, name);
      legend.append(one);
    };
    for (const [name, colour] of Object.entries(scene.legend || {})) entry(name, colour);
    if (scene.pale) entry(`pale: ${scene.pale}`, "#ccd");
    if (scene.shade) entry(scene.shade_name, "#bbb");
    box.append(tools, this.canvas, legend);
    parent.append(box);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(box);
  }

  size() {
    const width = this.canvas.clientWidth, rows = this.scene.rows;
    const height = rows ? Math.min(Math.max(rows.length * (rows.length > 30 ? 13 : 22), 60), 900) + 52 : width < 600 ? 300 : 360;
    return [width, height];
  }

  frame() {
    const { scene } = this, [width, height] = this.size();
    const longest = scene.rows ? Math.max(...scene.rows.map((name) => name.length)) : 8;
    const left = Math.min(14 + 6.6 * longest, width * 0.3);
    const marks = Object.keys(scene.marks || {}).length;
    return { left, right: width - 10, top: marks ? 4 + 12 * Math.min(marks, 3) : 8, bottom: height - 36, width, height };
  }

  px(x) { const f = this.f; return f.left + (x - this.x0) / (this.x1 - this.x0) * (f.right - f.left); }
  py(y) {
    const f = this.f, share = (y - this.y0) / (this.y1 - this.y0);
    return this.scene.rows ? f.top + share * (f.bottom - f.top) : f.bottom - share * (f.bottom - f.top);
  }
  rect(i) {
    const { scene } = this, half = scene.rows ? 0.42 : 0;
    const a = this.py(scene.low[i] - half), b = this.py(scene.high[i] + half);
    return [this.px(scene.left[i]), Math.min(a, b), this.px(scene.right[i]), Math.max(a, b)];
  }

  visible() {  // in order of their beginnings
    const { scene, order } = this, found = [];
    let low = 0, high = order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (scene.left[order[middle]] < this.x0 - this.longest) low = middle + 1; else high = middle;
    }
    for (; low < order.length && scene.left[order[low]] <= this.x1; low++) {
      if (scene.right[order[low]] >= this.x0 && this.revealed(order[low])) found.push(order[low]);
    }
    return found;
  }

  draw() {
    const ratio = window.devicePixelRatio || 1, f = this.f = this.frame();
    if (f.width < 40) return;
    this.canvas.style.height = `${f.height}px`;
    this.canvas.width = Math.round(f.width * ratio);
    this.canvas.height = Math.round(f.height * ratio);
    const pen = this.pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = "#fff"; pen.fillRect(0, 0, f.width, f.height);
    pen.fillStyle = "#f6f6f4"; pen.fillRect(f.left, f.top, f.right - f.left, f.bottom - f.top);
    this.axes();
    pen.save();
    pen.beginPath(); pen.rect(f.left, f.top, f.right - f.left, f.bottom - f.top); pen.clip();
    const inside = this.visible();
    this.many = Boolean(this.scene.rows) && inside.length > MOST_BARS;
    if (this.many) this.utilisation(inside); else this.boxes(inside);
    this.lines();
    pen.restore();
    this.names();
  }

  axes() {
    const { pen, f, scene } = this;
    pen.font = "11px system-ui, sans-serif"; pen.fillStyle = INK; pen.strokeStyle = "#fff"; pen.lineWidth = 1;
    pen.textAlign = "center"; pen.textBaseline = "top";
    const step = nice(this.x1 - this.x0, (f.right - f.left) / 90);
    for (let x = Math.ceil(this.x0 / step) * step; x <= this.x1; x += step) {
      const at = this.px(x);
      pen.beginPath(); pen.moveTo(at, f.top); pen.lineTo(at, f.bottom); pen.stroke();
      pen.fillText(shown(Number(x.toPrecision(12))), Math.min(at, f.right - 12), f.bottom + 4);
    }
    pen.fillStyle = FAINT;
    pen.fillText(scene.across, (f.left + f.right) / 2, f.bottom + 19);
    pen.textAlign = "right"; pen.textBaseline = "middle"; pen.fillStyle = INK;
    if (scene.rows) {
      const every = Math.max(1, Math.ceil(scene.rows.length * 12 / (f.bottom - f.top)));
      scene.rows.forEach((name, row) => {
        if (row % every === 0) pen.fillText(name, f.left - 6, this.py(row), f.left - 8);
      });
    } else {
      const up = nice(this.y1 - this.y0, (f.bottom - f.top) / 45);
      for (let y = Math.ceil(this.y0 / up) * up; y <= this.y1; y += up) {
        const at = this.py(y);
        pen.beginPath(); pen.moveTo(f.left, at); pen.lineTo(f.right, at); pen.stroke();
        pen.fillText(shown(Number(y.toPrecision(12))), f.left - 6, at);
      }
      pen.save();
      pen.translate(10, (f.top + f.bottom) / 2); pen.rotate(-Math.PI / 2);
      pen.textAlign = "center"; pen.fillStyle = FAINT; pen.fillText(scene.upward, 0, 0);
      pen.restore();
    }
  }

  boxes(inside) {
    const { pen, scene } = this;
    pen.fillStyle = "#cfcfcb";
    for (const [row, left, right] of scene.shade || []) {
      const y = this.py(row - 0.48);
      pen.fillRect(this.px(left), y, Math.max(this.px(right) - this.px(left), 1), this.py(row + 0.48) - y);
    }
    const edges = inside.length < 1200;
    pen.textAlign = "center"; pen.textBaseline = "middle"; pen.lineWidth = 1;
    for (const i of inside) {
      const [x0, y0, x1, y1] = this.rect(i), colour = scene.palette[scene.colour[i]];
      const width = Math.max(x1 - x0, 0.6), solid = scene.solid ? Math.max(this.px(scene.solid[i]) - x0, 0) : width;
      pen.fillStyle = colour;
      if (solid < width) { pen.globalAlpha = 0.4; pen.fillRect(x0, y0, width, y1 - y0); pen.globalAlpha = 1; }
      pen.fillRect(x0, y0, Math.min(solid, width), Math.max(y1 - y0, 0.6));
      if (edges && width > 3 && y1 - y0 > 3) { pen.strokeStyle = "#fff"; pen.strokeRect(x0, y0, width, y1 - y0); }
    }
    pen.font = "11px system-ui, sans-serif";
    for (const i of inside) {
      const [x0, y0, x1, y1] = this.rect(i), name = scene.name[i], a = Math.max(x0, this.f.left), b = Math.min(x1, this.f.right);
      if (!name || b - a < 7 * name.length + 2 || y1 - y0 < 10) continue;
      const solid = scene.solid ? scene.solid[i] : scene.right[i];
      pen.fillStyle = dark(scene.palette[scene.colour[i]]) && this.px(solid) > (a + b) / 2 ? "#fff" : INK;
      pen.fillText(name, (a + b) / 2, (y0 + y1) / 2);
    }
    if (this.critical && scene.slack) this.outline(inside.filter((i) => scene.slack[i] === 0), HOT, 2);
    if (this.picked >= 0 && this.revealed(this.picked)) this.outline([this.picked], "#000", 3);
  }

  outline(some, colour, width) {
    const { pen } = this;
    pen.strokeStyle = colour; pen.lineWidth = width;
    for (const i of some) {
      const [x0, y0, x1, y1] = this.rect(i);
      if (x1 - x0 < 6) {  // an outline would hide the colour
        pen.fillStyle = colour; pen.fillRect(x0, y1 - 2.5, Math.max(x1 - x0, 1), 2.5);
        continue;
      }
      if (y1 - y0 < 6) {
        pen.fillStyle = colour; pen.fillRect(x0, y0, 2.5, Math.max(y1 - y0, 1));
        continue;
      }
      pen.strokeRect(x0 + 1, y0 + 1, Math.max(x1 - x0 - 2, 0.5), Math.max(y1 - y0 - 2, 0.5));
    }
  }

  utilisation(inside) {  // the share of time in which each row is busy, in intervals of some pixels
    const { pen, f, scene } = this, count = Math.max(20, Math.floor((f.right - f.left) / 4)), rows = scene.rows.length;
    const busy = new Float64Array(rows * count), each = (this.x1 - this.x0) / count;
    for (const i of inside) {
      const a = (scene.left[i] - this.x0) / each, b = ((scene.solid || scene.right)[i] - this.x0) / each;
      for (let bin = Math.max(0, Math.floor(a)); bin < Math.min(count, Math.ceil(b)); bin++) {
        busy[scene.low[i] * count + bin] += Math.max(0, Math.min(b, bin + 1) - Math.max(a, bin));
      }
    }
    for (let row = 0; row < rows; row++) {
      const y = this.py(row - 0.45), height = this.py(row + 0.45) - y;
      for (let bin = 0; bin < count; bin++) {
        const share = Math.min(1, busy[row * count + bin]);
        pen.fillStyle = `rgb(${Math.round(255 - 225 * share)},${Math.round(250 - 150 * share)},${Math.round(235 - 75 * share)})`;
        pen.fillRect(this.px(this.x0 + bin * each), y, (f.right - f.left) / count + 0.5, height);
      }
    }
    pen.fillStyle = "#fffd"; pen.fillRect(f.left + 4, f.top + 4, 330, 17);
    pen.fillStyle = INK; pen.textAlign = "left"; pen.textBaseline = "middle"; pen.font = "11px system-ui, sans-serif";
    pen.fillText(`${shown(inside.length)} boxes: share of time busy. Zoom in to see them.`, f.left + 8, f.top + 13);
  }

  lines() {
    const { pen, f, scene } = this;
    pen.strokeStyle = INK; pen.lineWidth = 1.2;
    for (const mark of Object.values(scene.marks || {})) {
      pen.setLineDash([5, 4]); pen.beginPath(); pen.moveTo(this.px(mark), f.top); pen.lineTo(this.px(mark), f.bottom); pen.stroke();
    }
    for (const level of Object.values(scene.levels || {})) {
      pen.setLineDash([5, 4]); pen.beginPath(); pen.moveTo(f.left, this.py(level)); pen.lineTo(f.right, this.py(level)); pen.stroke();
    }
    pen.setLineDash([]);
  }

  names() {
    const { pen, f, scene } = this, found = new Map();
    for (const [name, at] of Object.entries(scene.marks || {})) found.set(at, [...(found.get(at) || []), name]);
    pen.font = "11px system-ui, sans-serif"; pen.fillStyle = INK; pen.textBaseline = "bottom";
    [...found].sort(([a], [b]) => b - a).forEach(([at, names], level) => {
      const x = this.px(at), text = `${names.join(" = ")} ${shown(at)}`, wide = pen.measureText(text).width;
      if (x < f.left - 1 || x > f.right + 1) return;
      pen.textAlign = "left";
      const from = x - wide < 2 ? Math.min(x, f.width - wide - 2) : x - wide;
      pen.fillText(text, Math.max(from, 2), f.top - 1 - 12 * Math.min(level, 2));
    });
    pen.textAlign = "right";
    for (const [name, at] of Object.entries(scene.levels || {})) {
      const y = this.py(at);
      if (y < f.top || y > f.bottom) continue;
      const width = pen.measureText(name).width;
      const low = name === "peak" ? 15 : 0;  // it may coincide with the height
      pen.fillStyle = "#fffc"; pen.fillRect(f.right - width - 6, y - 14 + low, width + 4, 13);
      pen.fillStyle = INK; pen.fillText(name, f.right - 4, y - 1 + low);
    }
  }

  set(x0, x1) {
    const [left, right] = this.whole, span = Math.min(Math.max(x1 - x0, (right - left) / 1e5), right - left);
    x0 = Math.max(left, Math.min(x0, right - span));
    for (const view of this.group) { view.x0 = x0; view.x1 = x0 + span; view.draw(); }
  }
  zoom(factor, at = (this.x0 + this.x1) / 2) { this.set(at - (at - this.x0) * factor, at + (this.x1 - at) * factor); }
  move(share) { const by = share * (this.x1 - this.x0); this.set(this.x0 + by, this.x1 + by); }
  reset() { this.set(this.whole[0], this.whole[1]); }
  toX(clientX) {
    const at = clientX - this.canvas.getBoundingClientRect().left;
    return this.x0 + (at - this.f.left) / (this.f.right - this.f.left) * (this.x1 - this.x0);
  }

  at(clientX, clientY) {  // the box under the pointer, the topmost first
    if (this.many) return -1;
    const area = this.canvas.getBoundingClientRect(), x = clientX - area.left, y = clientY - area.top;
    const inside = this.visible();
    for (let k = inside.length - 1; k >= 0; k--) {
      const [x0, y0, x1, y1] = this.rect(inside[k]);
      if (x >= x0 - 1 && x <= x1 + 1 && y >= y0 && y <= y1) return inside[k];
    }
    return -1;
  }

  about(i) {
    const { scene } = this, lines = [];
    if (scene.rows) lines.push(scene.rows[scene.low[i]]);
    for (const [name, values] of Object.entries(scene.columns || {})) lines.push(`${name}: ${shown(values[i])}`);
    const slack = scene.slack ? scene.slack[i] : null;
    if (slack !== null && slack !== undefined) {
      lines.push(slack === 0 ? "slack: 0, on the critical path" : `slack: ${shown(slack)} ${scene.slack_unit || ""}`);
    }
    return lines.join("\n");
  }

  point(clientX, clientY) {
    const i = this.at(clientX, clientY);
    tip.hidden = i < 0;
    if (i < 0) return;
    tip.textContent = this.about(i);
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(clientX + 14, window.innerWidth - width - 8))}px`;
    tip.style.top = `${clientY + 16 + height > window.innerHeight ? clientY - height - 10 : clientY + 16}px`;
  }

  listen() {
    const { canvas } = this, fingers = new Map();
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;  // the page scrolls
      event.preventDefault();
      this.zoom(Math.exp(Math.sign(event.deltaY) * 0.25), this.toX(event.clientX));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, event.clientX);
      canvas.setPointerCapture(event.pointerId);
      this.point(event.clientX, event.clientY);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (before === undefined) { this.point(event.clientX, event.clientY); return; }
      if (fingers.size === 2) {
        const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
        const factor = Math.max(Math.abs(before - other), 8) / Math.max(Math.abs(event.clientX - other), 8);
        this.zoom(factor, this.toX(other));
      } else {
        const by = this.toX(before) - this.toX(event.clientX);
        this.set(this.x0 + by, this.x1 + by);
      }
      fingers.set(event.pointerId, event.clientX);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
    canvas.addEventListener("dblclick", () => this.reset());
    canvas.addEventListener("keydown", (event) => {
      const act = { "+": () => this.zoom(0.5), "-": () => this.zoom(2), 0: () => this.reset(),
        ArrowLeft: () => this.move(-0.2), ArrowRight: () => this.move(0.2) }[event.key];
      if (act) { event.preventDefault(); act(); }
    });
  }
}

function dark(colour) {
  const [r, g, b] = [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b < 140;
}
