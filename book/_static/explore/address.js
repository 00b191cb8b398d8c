// What a figure shows, in the address of its page: whatever is not as at its start.
const PAUSE = 250; // milliseconds: browsers refuse addresses that change all the time
let waiting;

/** The words that the address has for these names. */
export function fromAddress(names) {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(names.filter((name) => given.has(name)).map((name) => [name, given.get(name)]));
}

/** Write words by name into the address, after a pause, and leave out those of the start. */
export function toAddress(words, start) {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const address = new URL(location.href);
    for (const [name, word] of Object.entries(words)) {
      if (word === start[name]) address.searchParams.delete(name);
      else address.searchParams.set(name, word);
    }
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }, PAUSE);
}
