// The picture of the first page's figure: small networks, the large one layer by layer, the answer.
import { off, percent, verdict } from "./landing_words.js";

const COLOURS = ["bg", "ink", "mute", "line", "cell", "wrong", "k1", "k2", "k3"];
const LOUD = 1.1; // a neuron that fires so strongly is drawn full
const SWEEP = 230; // milliseconds from layer to layer
const LONGEST = 1.4; // arrows that are longer end here, and are dashed

export const SWEEPS = (layers) => layers * SWEEP + 400;
const clamp = (x) => Math.min(1, Math.max(0, x));
const smooth = (x) => (x < 0.5 ? 2 * x * x : 1 - 2 * (1 - x) ** 2);
const strength = (value) => (value > 0 ? 0.45 + 0.55 * Math.min(1, (value / LOUD) ** 0.6) : 0);

/** Where everything is, for a canvas so wide. */
function layout(width, layers) {
  if (width >= 600) {
    const [pitch, panel, top, high] = [width * 0.116, width * 0.0965, 76, 170];
    const answer = Math.min(152, Math.max(112, width * 0.166));
    const left = width - answer - 4 * pitch - panel - 0.02 * width;
    return {
      wide: true, width, height: top + high + 112,
      shelf: { x: 0, y: 28, w: left - 84, h: top + high - 28 },
      panels: Array.from({ length: layers }, (_, l) => ({ x: left + l * pitch, y: top, w: panel, h: high })),
      answer: { x: width - answer / 2, y: top + 62, r: answer * 0.4 },
    };
  }
  const [top, pitch] = [108, Math.min(96, Math.max(58, width * 0.16))];
  return {
    wide: false, width, height: top + layers * pitch + 96,
    shelf: { x: 3, y: 20, w: width - 6, h: 52 },
    panels: Array.from({ length: layers }, (_, l) => ({ x: 30, y: top + l * pitch, w: width - 142, h: pitch - 10 })),
    answer: { x: 46, y: top + layers * pitch + 46, r: 42 },
  };
}

export class Picture {
  constructor(canvas, network, about) {
    [this.canvas, this.network, this.about] = [canvas, network, about];
    this.context = canvas.getContext("2d");
    this.slots = network.M / (network.m * network.r);
    this.flights = [];
    this.fit();
  }

  /** Takes sizes and colours from the page: after a change of either. */
  fit() {
    const { canvas, context, network } = this;
    this.at = layout(canvas.clientWidth, network.layers);
    const sharp = Math.min(3, globalThis.devicePixelRatio || 1);
    canvas.style.height = `${this.at.height}px`;
    [canvas.width, canvas.height] = [this.at.width * sharp, this.at.height * sharp].map(Math.round);
    context.setTransform(sharp, 0, 0, sharp, 0, 0);
    const style = getComputedStyle(canvas);
    this.colour = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.font = style.fontFamily;
    this.glyphs = {};
  }

  /** Neuron n of a layer: four columns of blocks, a row for each slot; on a phone turned round. */
  #cell(panel, n) {
    const { network: { m, r }, slots, at: { wide } } = this;
    const [block, slot, i, gap] = [Math.floor(n / (slots * m)), Math.floor(n / m) % slots, n % m, 3];
    const long = (wide ? panel.w : panel.h) - (r - 1) * gap;
    const [step, row] = [long / (m * r), (wide ? panel.h : panel.w) / slots];
    const along = (block * m + i) * step + block * gap;
    return wide
      ? [panel.x + along, panel.y + slot * row, step - 0.9, row - 0.9]
      : [panel.x + slot * row, panel.y + along, row - 0.8, step - 0.7];
  }

  /** The small networks' places on their shelf: as large as fits. */
  #grid(load) {
    const { w, h } = this.at.shelf;
    let size = 34;
    while (size > 4 && Math.floor(w / size) * Math.floor(h / size) < load) size -= 0.25;
    return { size, columns: Math.floor(w / size) };
  }

  #place(t, { size, columns }) {
    const { shelf: { x, y, w, h }, wide } = this.at;
    const [column, row] = [t % columns, Math.floor(t / columns)];
    return [wide ? x + w - (column + 0.5) * size : x + (column + 0.5) * size, y + h - (row + 0.5) * size];
  }

  /** A small network: three columns of neurons, drawn once for each colour and size. */
  #glyph(colour, size) {
    const key = `${colour} ${size}`;
    if (this.glyphs[key]) return this.glyphs[key];
    const canvas = document.createElement("canvas");
    const sharp = 3;
    canvas.width = canvas.height = Math.ceil(size * sharp);
    const pen = canvas.getContext("2d");
    pen.scale(sharp, sharp);
    pen.translate(size / 2, size / 2);
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = Math.max(0.6, size * 0.024);
    const columns = size > 15 ? [3, 4, 3] : [2, 3, 2];
    const reach = size * (size > 15 ? 0.37 : 0.32);
    const at = (column, i) => [(column - 1) * reach, (i - (columns[column] - 1) / 2) * 2.3 * (reach / columns[1])];
    const each = (column, visit) => { for (let i = 0; i < columns[column]; i++) visit(i); };
    pen.globalAlpha = 0.65;
    for (const column of [0, 1]) {
      each(column, (i) => each(column + 1, (j) => {
        pen.beginPath();
        pen.moveTo(...at(column, i));
        pen.lineTo(...at(column + 1, j));
        pen.stroke();
      }));
    }
    pen.globalAlpha = 1;
    for (const column of [0, 1, 2]) {
      each(column, (i) => { pen.beginPath(); pen.arc(...at(column, i), Math.max(0.9, size * 0.064), 0, 7); pen.fill(); });
    }
    this.glyphs[key] = canvas;
    return canvas;
  }

  #hue(n) {
    return this.colour[`k${n + 1}`];
  }

  #text(words, x, y, { size = 12, weight = 400, align = "left", colour = this.colour.mute } = {}) {
    const { context } = this;
    context.font = `${weight} ${size}px ${this.font}`;
    context.textAlign = align;
    context.fillStyle = colour;
    context.fillText(words, x, y);
  }

  /** A heading in bold, and after it how many neurons a layer has. */
  #heading(words, neurons, x, y) {
    this.#text(words, x, y, { size: 13, weight: 600, colour: this.colour.ink });
    const { width } = this.context.measureText(words);
    if (neurons) this.#text(`${neurons.toLocaleString("en")} neurons a layer`, x + width + 8, y);
  }

  #rectangle(colour, alpha, x, y, w, h) {
    this.context.globalAlpha = alpha;
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, w, h);
    this.context.globalAlpha = 1;
  }

  /** Small networks that have just been poured in fly to their neurons. */
  pour(circuits, load, time) {
    const grid = this.#grid(load);
    for (const t of circuits) {
      const [x, y] = this.#place(t, grid);
      this.flights.push({ t, x, y, size: grid.size, start: time, long: 650 });
    }
  }

  /** Whether something still moves. */
  moving(time) {
    this.flights = this.flights.filter(({ start, long }) => time < start + 1.6 * long);
    return this.flights.length > 0;
  }

  /** Everything, at a time; `sweep` is when the signal set out, 0 if it has arrived. */
  paint(now, time, sweep) {
    const { context, at, network } = this;
    context.clearRect(0, 0, at.width, at.height);
    const lit = now.layers.map((_, l) => (sweep ? clamp((time - sweep - l * SWEEP) / 300) : 1));
    this.#shelf(now);
    this.#headings(now);
    now.layers.forEach((layer, l) => this.#layer(now, layer, l, lit[l]));
    if (at.wide) for (let l = 1; l < network.layers; l++) this.#step(at.panels[l - 1], at.panels[l]);
    this.#answer(now, lit.at(-1));
    for (const flight of this.flights) this.#flight(flight, (time - flight.start) / flight.long);
  }

  #shelf({ load, active }) {
    const { context, colour, at: { shelf, wide, panels: [first] } } = this;
    const grid = this.#grid(load);
    const neurons = load * this.network.m;
    this.#heading(load === 1 ? "1 small network" : `${load} small networks`, wide ? 0 : neurons, shelf.x, 12);
    if (wide) this.#text(`${neurons.toLocaleString("en")} neurons a layer`, shelf.x, shelf.y + shelf.h + 18);
    context.globalAlpha = 0.7;
    for (let t = 0; t < load; t++) {
      if (active.includes(t)) continue;
      const [x, y] = this.#place(t, grid);
      context.drawImage(this.#glyph(colour.cell, grid.size), x - grid.size / 2, y - grid.size / 2, grid.size, grid.size);
    }
    context.globalAlpha = 1;
    active.forEach((t, n) => {
      const [x, y] = this.#place(t, grid);
      const r = Math.max(7.5, grid.size * 0.5);
      const size = Math.max(grid.size, 11);
      context.fillStyle = colour.bg;
      context.strokeStyle = this.#hue(n);
      context.lineWidth = 1.8;
      context.beginPath();
      context.arc(x, y, r, 0, 7);
      context.fill();
      context.stroke();
      context.drawImage(this.#glyph(this.#hue(n), size), x - size / 2, y - size / 2, size, size);
      const end = wide
        ? [first.x - 8, first.y + first.h * (0.5 + 0.12 * (n - (active.length - 1) / 2))]
        : [first.x + first.w * (0.74 + 0.09 * n), first.y - 3];
      context.beginPath();
      if (wide) {
        context.moveTo(x + r, y);
        context.bezierCurveTo((x + end[0]) / 2 + 20, y, (x + end[0]) / 2, end[1], ...end);
      } else {
        context.moveTo(x, y + r);
        const between = shelf.y + shelf.h + 10; // above the headings
        context.bezierCurveTo(x, between, end[0], between, end[0], between + 12);
        context.lineTo(...end);
      }
      context.stroke();
    });
  }

  #headings(now) {
    const { colour, at: { wide, panels, width, answer } } = this;
    const [{ x, y, w, h }, strong] = [panels[0], { size: 13, weight: 600, colour: colour.ink }];
    if (wide) {
      this.#heading("one large network", this.network.M, x, 12);
      for (const [words, down] of [["by itself", -19], ["inside", 10], ["arrow", h + 40], ["misfiring", h + 90]]) {
        this.#text(words, x - 12, y + down, { align: "right" });
      }
      this.#text(now.active.length === 1 ? "answer" : "answers", answer.x, 12, { ...strong, align: "center" });
    } else {
      this.#heading("one large network", 0, x, y - 9);
      this.#text("arrow", x + w + 32, y - 9, { align: "center" });
      this.#text("misfiring", width, y - 9, { align: "right" });
    }
  }

  #step(before, after) {
    const { context, colour } = this;
    const [x, y] = [(before.x + before.w + after.x) / 2, before.y + before.h / 2];
    context.strokeStyle = colour.mute;
    context.lineWidth = 1.3;
    context.beginPath();
    context.moveTo(x - 2.5, y - 4);
    context.lineTo(x + 2, y);
    context.lineTo(x - 2.5, y + 4);
    context.stroke();
  }

  #layer(now, layer, l, lit) {
    const { colour, at: { wide, panels, width } } = this;
    const panel = panels[l];
    const hot = now.ignition >= 0 && l >= now.ignition;
    const { x, y, w, h } = panel;
    if (hot && lit) this.#glow(panel, layer.misfiring, lit);
    this.#neurons(now, layer, l, lit);
    const weight = hot ? 700 : 400;
    const bar = (left, top, long) => {
      this.#rectangle(colour.line, 1, left, top, long, 4);
      this.#rectangle(colour.wrong, 1, left, top, long * Math.min(1, 2 * layer.misfiring) * lit, 4);
    };
    if (wide) {
      this.#text(l === now.ignition ? `${l + 1} ignites` : `layer ${l + 1}`, x + w / 2, 33, { align: "center", weight, colour: hot ? colour.ink : colour.mute });
      this.#alone(now, layer, x, 50, (w - 9) / this.network.m + 3, 9, lit);
      this.#dial(layer, x + w / 2, y + h + 38, 26, lit);
      bar(x, y + h + 76, w);
      this.#text(percent(layer.misfiring), x + w / 2, y + h + 98, { size: 13, align: "center", weight: hot ? 700 : 500, colour: colour.ink });
    } else {
      this.#text(String(l + 1), 10, y + 13, { size: 13, align: "center", weight: 600, colour: colour.ink });
      this.#alone(now, layer, 0, y + h / 2 + 6, 6.5, 5, lit);
      this.#dial(layer, x + w + 32, y + h / 2, Math.min(24, h / 2), lit);
      this.#text(percent(layer.misfiring), width, y + h / 2 - 2, { size: 13, align: "right", weight: hot ? 700 : 500, colour: colour.ink });
      bar(width - 40, y + h / 2 + 6, 40);
    }
  }

  /** A layer that has ignited stands in a halo. */
  #glow({ x, y, w, h }, misfiring, lit) {
    const { context, colour, canvas, at: { width, wide } } = this;
    context.save();
    context.globalAlpha = lit;
    context.shadowColor = context.fillStyle = colour.wrong;
    context.shadowBlur = (4 + (wide ? 20 : 6) * Math.min(1, 2 * misfiring)) * (canvas.width / width);
    context.fillRect(x - 3, y - 3, w + 5.2, h + 5.2);
    context.restore();
    this.#rectangle(colour.bg, 1, x - 3, y - 3, w + 5.2, h + 5.2);
  }

  /** All neurons: darker the more circuits they carry; those in use in colour, wrong ones in ink. */
  #neurons(now, { neurons, owner }, l, lit) {
    const { context, colour, network, at: { panels } } = this;
    const { carried } = network.weights[l];
    const dimmed = now.told ? 1 - 0.55 * lit : 1;
    for (let n = 0; n < network.M; n++) {
      const cell = this.#cell(panels[l], n);
      const [x, y, w, h] = cell;
      this.#rectangle(colour.cell, (0.1 + 0.24 * Math.min(1, carried[n] / 28)) * dimmed, ...cell);
      if (owner[n] >= 0) {
        this.#rectangle(colour.bg, lit, x - 0.6, y - 0.6, w + 1.2, h + 1.2);
        context.globalAlpha = 0.85 * lit;
        context.strokeStyle = this.#hue(owner[n]);
        context.lineWidth = 1;
        context.strokeRect(x, y, w, h);
        this.#rectangle(this.#hue(owner[n]), strength(neurons[n]) * lit, x - 0.3, y - 0.3, w + 0.6, h + 0.6);
      } else if (neurons[n] > 0) {
        this.#rectangle(colour.wrong, strength(neurons[n]) * lit, ...cell);
      }
    }
  }

  /** What the small networks' neurons say by themselves. */
  #alone({ active }, { alone }, x, y, step, high, lit) {
    const { context } = this;
    const many = active.length > 1;
    const [tall, pitch] = many && high > 5 ? [5, 7] : [high, high + 2.5];
    alone.forEach(({ neurons }, n) => neurons.forEach((value, i) => {
      const cell = [x + i * step, y + (n - (active.length - 1) / 2) * pitch, step - 2.5 + (step < 8 ? 1 : 0), tall];
      context.strokeStyle = this.#hue(n);
      context.lineWidth = 1;
      context.globalAlpha = 0.6;
      context.strokeRect(...cell);
      this.#rectangle(this.#hue(n), strength(value) * lit, ...cell);
    }));
  }

  #arrow(x, y, [dx, dy], width, head) {
    const { context } = this;
    const long = Math.hypot(dx, dy);
    if (long < 0.5) return;
    const [ux, uy] = [dx / long, dy / long];
    const stop = Math.max(0, long - 0.8 * head);
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + ux * stop, y + uy * stop);
    context.stroke();
    if (!head) return;
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(x + dx, y + dy);
    context.lineTo(x + dx - head * (ux + 0.55 * uy), y + dy - head * (uy - 0.55 * ux));
    context.lineTo(x + dx - head * (ux - 0.55 * uy), y + dy - head * (uy + 0.55 * ux));
    context.fill();
  }

  /** True arrows, broad and pale; computed ones, thin. */
  #dial({ truth, read }, x, y, r, lit) {
    const { context, colour } = this;
    const unit = r / LONGEST;
    context.lineWidth = 1;
    context.strokeStyle = colour.line;
    context.beginPath();
    context.arc(x, y, r, 0, 7);
    context.stroke();
    truth.forEach(([dx, dy], n) => this.#band(x, y, [dx * unit, -dy * unit], r * 0.2, n));
    read.forEach(([dx, dy], n) => {
      const long = Math.hypot(dx, dy);
      const scale = unit * Math.min(1, LONGEST / long) * lit;
      context.strokeStyle = context.fillStyle = this.#hue(n);
      context.setLineDash(long > 1.15 * LONGEST ? [r * 0.1, r * 0.11] : []);
      context.lineCap = long > 1.15 * LONGEST ? "butt" : "round";
      this.#arrow(x, y, [dx * scale, -dy * scale], Math.max(1.5, r * 0.05), Math.max(5, r * 0.17));
    });
    context.setLineDash([]);
    context.fillStyle = colour.ink;
    context.beginPath();
    context.arc(x, y, 1.6, 0, 7);
    context.fill();
  }

  #band(x, y, vector, width, n) {
    const { context } = this;
    context.globalAlpha = 0.32;
    context.lineCap = "round";
    context.strokeStyle = this.#hue(n);
    this.#arrow(x, y, vector, width, 0);
    context.globalAlpha = 1;
  }

  #answer(now, lit) {
    const { colour, at: { wide, width, answer: { x, y, r } } } = this;
    const layer = now.layers.at(-1);
    this.#dial(layer, x, y, r, lit);
    const [left, top, align] = wide ? [x, y + r + 28, "center"] : [x + r + 16, y + 2, "left"];
    if (!wide) this.#text(now.active.length === 1 ? "answer" : "answers", left, y - 22, { weight: 600, colour: colour.ink });
    if (lit > 0.5) {
      this.#text(verdict(layer.distance), left, top, { size: 20, weight: 650, align, colour: colour.ink });
      this.#text(off(layer.distance), left, top + 18, { align });
    }
    const [keyX, keyY] = wide ? [x - 44, top + 46] : [width - 92, y - 8];
    this.#band(keyX, keyY, [18, 0], 8, 0);
    this.#text("true", keyX + 28, keyY + 4);
    this.context.strokeStyle = this.context.fillStyle = this.#hue(0);
    this.#arrow(keyX - 2, keyY + 20, [24, 0], 1.8, 7);
    this.#text("computed", keyX + 28, keyY + 24);
  }

  /** A small network on its way into every layer; where it has landed, its neurons show it. */
  #flight({ t, x, y, size }, share) {
    const { context, colour, network, at: { panels, wide } } = this;
    if (share < 0 || share > 1.6) return;
    panels.forEach((panel, l) => {
      const places = network.carriersOf(l, t);
      if (share < 1) {
        const [endX, endY, w, h] = this.#cell(panel, places[l % network.r]);
        const u = smooth(share);
        const along = (a, middle, b) => (1 - u) ** 2 * a + 2 * u * (1 - u) * middle + u * u * b;
        const toX = endX + w / 2;
        const at = [along(x, (x + toX) / 2, toX), along(y, Math.min(y, endY) - (wide ? 70 : 20), endY + h / 2)];
        const now = (1 - u) * size + u * 6;
        context.globalAlpha = 0.9;
        context.drawImage(this.#glyph(colour.ink, Math.max(8, Math.round(now))), at[0] - now / 2, at[1] - now / 2, now, now);
        context.globalAlpha = 1;
      } else {
        for (const first of places) {
          for (let i = 0; i < network.m; i++) this.#rectangle(colour.cell, 0.6 - (share - 1), ...this.#cell(panel, first + i));
        }
      }
    });
  }
}
