// Many small networks in one large one, from the file that book/tools/landing.py writes.
// The weights are the post's: W_in = Σ_t V_t w_t E_t', W_out = Σ_t E_t w'_t V_t'/r.

/** The large network: of the file's circuits it holds the first so many. */
export class Large {
  constructor({ arrays, about }) {
    const { read, write, turns, slots, carriers } = arrays;
    [this.layers, this.most, this.m, this.d] = read.shape;
    [this.sides, this.r] = [slots.shape[1], carriers.shape[2]];
    this.small = { read: read.data, write: write.data, turns: turns.data, slots: slots.data, carriers: carriers.data };
    [this.D, this.M, this.margin] = [about.stream, about.neurons, about.margin];
    this.load = 0;
    this.weights = Array.from({ length: this.layers }, () => ({
      into: new Float64Array(this.M * this.D), // row by row, as it is read
      out: new Float64Array(this.M * this.D), // column by column, as it is written
      carried: new Uint16Array(this.M), // by each neuron, how many circuits
    }));
  }

  /** Adds circuits, or takes them away, until there are `load`, or for so many milliseconds. */
  hold(load, milliseconds = Infinity) {
    const end = performance.now() + milliseconds;
    while (this.load !== load && performance.now() < end) {
      if (this.load < load) this.#add(this.load++, 1);
      else this.#add(--this.load, -1);
    }
  }

  /** One circuit's term of each sum. */
  #add(t, sign) {
    const { m, d, D, sides, r, small: { turns } } = this;
    this.weights.forEach(({ into, out, carried }, l) => {
      const places = this.carriersOf(l, t);
      const { read, write } = this.weightsOf(l, t);
      for (let side = 0; side < sides; side++) {
        const start = this.small.slots[t * sides + side];
        for (let i = 0; i < m; i++) {
          for (let a = 0; a < d; a++) {
            let [seen, pushed] = [0, 0];
            for (let b = 0; b < d; b++) {
              const turned = turns[((t * sides + side) * d + b) * d + a];
              seen += read[i * d + b] * turned;
              if (b < d - 1) pushed += write[b * m + i] * turned; // nothing writes to the indicator
            }
            for (const first of places) {
              into[(first + i) * D + start + a] += sign * seen;
              out[(first + i) * D + start + a] += (sign * pushed) / r;
            }
          }
        }
      }
      for (const first of places) for (let i = 0; i < m; i++) carried[first + i] += sign;
    });
  }

  /** The neurons that carry the first of circuit t's in a layer; the others follow each. */
  carriersOf(l, t) {
    const { r, most, small: { carriers } } = this;
    return carriers.subarray((l * most + t) * r, (l * most + t + 1) * r);
  }

  /** Circuit t's own weights in a layer. */
  weightsOf(l, t) {
    const { m, d, most, small: { read, write } } = this;
    const [ins, outs] = [m * d, m * (d - 1)];
    return {
      read: read.subarray((l * most + t) * ins, (l * most + t + 1) * ins),
      write: write.subarray((l * most + t) * outs, (l * most + t + 1) * outs),
    };
  }

  /** What circuit t holds, [x, y, indicator], added to the stream. */
  embed(stream, t, values) {
    this.#alongside(t, (at, entry, weight) => { stream[at] += weight * values[entry]; });
  }

  /** What circuit t reads of the stream. */
  read(stream, t) {
    const values = new Array(this.d).fill(0);
    this.#alongside(t, (at, entry, weight) => { values[entry] += weight * stream[at]; });
    return values;
  }

  #alongside(t, visit) {
    const { d, sides, small: { turns, slots } } = this;
    for (let side = 0; side < sides; side++) {
      for (let entry = 0; entry < d; entry++) {
        for (let a = 0; a < d; a++) {
          visit(slots[t * sides + side] + a, entry, turns[((t * sides + side) * d + entry) * d + a]);
        }
      }
    }
  }

  /** Circuit t by itself: its arrow after a layer, and what its neurons say. */
  alone(l, t, [x, y]) {
    const { m, d, margin } = this;
    const { read, write } = this.weightsOf(l, t);
    const neurons = Array.from({ length: m }, (_, i) => (
      Math.max(0, read[i * d] * x + read[i * d + 1] * y + read[i * d + 2] - margin)));
    const along = (row) => neurons.reduce((sum, value, i) => sum + value * write[row * m + i], 0);
    return { arrow: [x + along(0), y + along(1)], neurons };
  }

  /**
   * The active circuits run from their arrows. By layer: all neurons, which of the active circuits
   * each is of (-1: none), the active circuits by themselves, arrows true and read, their distance,
   * and which share of the neurons that should be silent is not.
   *
   * told: whether the network is told, for each neuron and slot of the stream, how many of the
   * active circuits use it. What none uses is zero; what several use has the margin as often.
   */
  run(active, arrows, told) {
    let stream = new Float64Array(this.D);
    const use = new Float64Array(this.D);
    active.forEach((t, n) => {
      this.embed(stream, t, [...arrows[n], 1]);
      this.#alongside(t, (at) => { use[at] = 1; });
    });
    let truth = arrows;
    return this.weights.map((_, l) => {
      const { count, owner } = this.#users(l, active);
      const neurons = this.#fire(l, stream, count, told);
      stream = this.#written(l, stream, neurons);
      if (told) stream = stream.map((value, at) => value * use[at]);
      const alone = active.map((t, n) => this.alone(l, t, truth[n]));
      truth = alone.map(({ arrow }) => arrow);
      const read = active.map((t) => this.read(stream, t).slice(0, 2));
      const silent = count.reduce((sum, n) => sum + (n === 0), 0);
      const wrong = neurons.reduce((sum, value, n) => sum + (count[n] === 0 && value > 0), 0);
      return { neurons, owner, alone, truth, read, misfiring: wrong / silent, distance: distance(read, truth), stream };
    });
  }

  /** Of each neuron, how many of the active circuits use it, and which is the last of them. */
  #users(l, active) {
    const [count, owner] = [new Uint8Array(this.M), new Int8Array(this.M).fill(-1)];
    active.forEach((t, n) => {
      for (const first of this.carriersOf(l, t)) {
        for (let i = 0; i < this.m; i++) { count[first + i] += 1; owner[first + i] = n; }
      }
    });
    return { count, owner };
  }

  #fire(l, stream, count, told) {
    const { D, M, margin, weights: { [l]: { into } } } = this;
    const neurons = new Float64Array(M);
    for (let n = 0; n < M; n++) {
      if (told && count[n] === 0) continue;
      let inner = -margin * (told ? count[n] : 1);
      for (let at = 0, w = n * D; at < D; at++, w++) inner += into[w] * stream[at];
      if (inner > 0) neurons[n] = inner;
    }
    return neurons;
  }

  #written(l, stream, neurons) {
    const { D, weights: { [l]: { out } } } = this;
    const next = stream.slice();
    neurons.forEach((value, n) => {
      if (value === 0) return;
      for (let at = 0, w = n * D; at < D; at++, w++) next[at] += value * out[w];
    });
    return next;
  }
}

/** How far arrows are from the truth, as a share of its length: the root mean square. */
function distance(read, truth) {
  const shares = truth.map(([x, y], n) => ((read[n][0] - x) ** 2 + (read[n][1] - y) ** 2) / (x * x + y * y));
  return Math.sqrt(shares.reduce((sum, share) => sum + share, 0) / shares.length);
}

/** The arrow of an angle in degrees. */
export function arrow(degrees) {
  const turn = (degrees * Math.PI) / 180;
  return [Math.cos(turn), Math.sin(turn)];
}
