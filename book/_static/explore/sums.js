// Large networks from the file that book/tools/watched.py writes: added up, run and read.
// Nothing here knows of a construction: weights are sums over circuits, patterns and diagonals.

const KINDS = { F32: Float32Array, U16: Uint16Array };

/** A safetensors file: arrays by name, each with its shape, and the metadata's `about`. */
export function opened(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const arrays = {};
  const { __metadata__: { about }, ...stored } = header;
  for (const [name, { dtype, shape, data_offsets: [start, end] }] of Object.entries(stored)) {
    // a copy: places in the file need not be multiples of an entry's size
    arrays[name] = { shape, data: new KINDS[dtype](buffer.slice(8 + length + start, 8 + length + end)) };
  }
  return { arrays, about: JSON.parse(about) };
}

/** The network that holds the first `load` circuits, its weights column by column. */
export function built({ arrays, about }, name, load) {
  const described = about.networks[name][load];
  const layers = described.layers.map((layer, i) => {
    const rows = described.widths[i + 1];
    const weights = new Float32Array(rows * described.widths[i]);
    if (layer.shared) addShared(weights, rows, layer, arrays, load);
    if (layer.sum) addSum(weights, rows, layer, arrays, load);
    for (const [row, column, length, value] of layer.left) {
      for (let n = 0; n < length; n++) weights[(column + n) * rows + row + n] += value;
    }
    const bias = new Float64Array(rows);
    for (const [start, length, value] of layer.bias) bias.fill(value, start, start + length);
    return { weights, bias, relu: described.activations[i] === "relu" };
  });
  return { ...described, arrays, load, layers, half: about.half };
}

/** Σ_t write_t · (small_t − mean) · read_t, reading a mean over slots. */
function addSum(weights, rows, { sum, shared }, arrays, load) {
  const small = arrays[sum.small];
  const [, outputs, inputs] = small.shape;
  for (let t = 0; t < load; t++) {
    const [write, read] = [slotsOf(sum.write, t, arrays), slotsOf(sum.read, t, arrays)];
    for (let i = 0; i < outputs; i++) {
      for (let j = 0; j < inputs; j++) {
        const own = small.data[(t * outputs + i) * inputs + j] - (shared?.mean[i][j] ?? 0);
        for (const column of read) {
          const at = (column + sum.read.starts[j]) * rows + sum.write.starts[i];
          for (const row of write) weights[at + row] += own * sum.share;
        }
      }
    }
  }
}

/** mean ⊗ pattern: one value where a circuit connects two slots, another where none does. */
function addShared(weights, rows, { sum, shared }, arrays, load) {
  const block = sum.write.starts[1];
  const connected = new Uint8Array(block * block);
  for (let t = 0; t < load; t++) {
    for (const column of slotsOf(sum.read, t, arrays)) {
      for (const row of slotsOf(sum.write, t, arrays)) connected[column * block + row] = 1;
    }
  }
  shared.mean.forEach((entries, i) => entries.forEach((mean, j) => {
    const values = [mean * shared.off, mean * shared.on];
    for (let column = 0; column < block; column++) {
      const at = (column + sum.read.starts[j]) * rows + sum.write.starts[i];
      for (let row = 0; row < block; row++) {
        weights[at + row] += values[connected[column * block + row]];
      }
    }
  }));
}

/** Slots of circuit t for its first entry. */
function slotsOf(place, t, arrays) {
  const { shape: [, redundancy], data } = arrays[place.slots];
  return data.subarray(t * redundancy, (t + 1) * redundancy);
}

/** The first state, of vectors of the active circuits, and gates that say which these are. */
export function embedded(network, active, vectors) {
  const { arrays, door, gates } = network;
  const state = new Float64Array(network.widths[0]);
  for (const { start, size, inverted } of gates) if (inverted) state.fill(1, start, start + size);
  active.forEach((t, n) => {
    const slots = slotsOf(door, t, arrays);
    door.starts.forEach((start, i) => {
      const value = written(door, i, t, vectors[n], arrays);
      for (const slot of slots) state[start + slot] += value;
    });
    for (const gate of gates) {
      for (const slot of slotsOf(gate, t, arrays)) state[gate.start + slot] = gate.inverted ? 0 : 1;
    }
  });
  return state;
}

/** Entry i of what is written of a vector: small · vector + constant, or the vector itself. */
function written({ small, constant }, i, t, vector, arrays) {
  if (!small) return vector[i];
  const { shape: [, outputs, inputs], data } = arrays[small];
  const at = t * outputs + i;
  return vector.reduce((sum, x, j) => sum + x * data[at * inputs + j], arrays[constant].data[at]);
}

/** States after 0 … L layers. */
export function ran(network, first) {
  const states = [first];
  for (const { weights, bias, relu } of network.layers) {
    const next = Float64Array.from(bias);
    states.at(-1).forEach((x, column) => {
      if (x === 0) return;
      const at = column * next.length;
      for (let row = 0; row < next.length; row++) next[row] += x * weights[at + row];
    });
    states.push(relu ? next.map((x) => Math.max(x, 0)) : next);
  }
  return states;
}

/** What circuit t reads after a layer, 1 … L: the mean over the slots of each entry. */
function readings(network, state, t, layer) {
  const place = network.read[layer - 1];
  const slots = slotsOf(place, t, network.arrays);
  return place.starts.map((start) => {
    let sum = 0;
    for (const slot of slots) sum += state[start + slot];
    return sum / slots.length;
  });
}

const along = (row, values) => row.reduce((sum, weight, i) => sum + weight * values[i], 0);

/** A circuit's vector, as it is read from the state after a layer, 1 … L. */
export function vectorOf(network, state, t, layer) {
  const values = readings(network, state, t, layer);
  return network.read[layer - 1].vector.map((row) => along(row, values));
}

/** How many circuits that are not active are read as being on: by an indicator of ½ or more. */
export function falselyOn(network, state, active, layer) {
  const { on } = network.read[layer - 1];
  let count = 0;
  for (let t = 0; on && t < network.load; t++) {
    if (!active.includes(t) && along(on, readings(network, state, t, layer)) > network.half) count++;
  }
  return count;
}

/** Vectors (L + 1) of circuit t by itself, turned once a layer. */
export function truth({ arrays, about }, t, vector) {
  const layers = about.networks.gated[about.loads.at(-1)].layers;
  const states = [vector];
  for (const { sum } of layers) {
    const { shape: [, outputs, inputs], data } = arrays[sum.small];
    states.push(vector.map((_, i) => vector.reduce(
      (total, _x, j) => total + data[(t * outputs + i) * inputs + j] * states.at(-1)[j], 0)));
  }
  return states;
}
