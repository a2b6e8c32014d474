/*
 * The page of `redtwin rdb report`: draws the sums that were put into it. No network, no library.
 *
 *   data (JSON) --> tree of prefixes --> treemap, a level at a time      prefixes + biggest keys --> search
 */
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const total = data.totals.memoryBytes || 1;

const bytes = (n) => {
  const steps = ['B', 'KB', 'MB', 'GB', 'TB'];
  let step = 0;
  while (n >= 1024 && step < steps.length - 1) { n /= 1024; step++; }
  return `${step === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${steps[step]}`;
};
const grouped = (n) => n.toLocaleString('en-US');
const keysOf = (n) => `${grouped(n)} ${n === 1 ? 'key' : 'keys'}`;
const share = (part) => `${((100 * part) / total).toFixed(1)} %`;
/* Bytes that are no UTF-8 come as lone surrogates, which no browser draws. */
const shown = (text) =>
  text.replace(/[\x00-\x1f\x7f]|(?<![\ud800-\udbff])[\udc80-\udcff]/g, (c) => `\\x${(c.charCodeAt(0) & 255).toString(16).padStart(2, '0')}`);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/* Totals and the file. */
const vendors = { 'redis-ver': 'Redis', 'valkey-ver': 'Valkey' };
$('file').textContent = [
  data.source, `${data.file.magic === 'REDIS' ? 'RDB' : data.file.magic} version ${data.file.version}`,
  ...data.file.aux.filter(([name]) => name in vendors).map(([name, value]) => `written by ${vendors[name]} ${value}`),
  `made ${new Date(data.madeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
].join(' · ');
for (const [value, label] of [
  [grouped(data.totals.keys), 'keys'], [bytes(data.totals.memoryBytes), 'in memory'], [bytes(data.totals.encodedBytes), 'in the file'],
  [grouped(data.totals.expiring), 'keys that expire'], [String(data.dbs.length), data.dbs.length === 1 ? 'database' : 'databases'],
]) $('totals').append(element('div', {}, element('b', { textContent: value }), element('span', { textContent: label })));

/* Bars. */
function bars(id, rows) {
  const most = Math.max(1, ...rows.map(({ sum }) => sum.memoryBytes));
  for (const { label, sum } of rows) {
    const fill = element('div', { className: 'fill' });
    fill.style.width = `${(100 * sum.memoryBytes) / most}%`;
    $(id).append(element('div', { title: `${label}: ${keysOf(sum.keys)}, ${bytes(sum.memoryBytes)}` },
      element('span', { textContent: label }), element('div', { className: 'track' }, fill),
      element('span', { className: 'value', textContent: `${bytes(sum.memoryBytes)} · ${keysOf(sum.keys)}` })));
  }
  if (rows.length === 0) $(id).append(element('p', { className: 'note', textContent: 'None.' }));
}
const ttlName = (s) => s === null ? 'longer' : s === 0 ? 'expired' : s < 3600 ? `up to ${s / 60} min` : s < 86400 ? `up to ${s / 3600} h` : `up to ${s / 86400} d`;
const named = (sums) => [...sums].sort((a, b) => b.memoryBytes - a.memoryBytes).map((sum) => ({ label: sum.name, sum }));
bars('types', named(data.types));
bars('encodings', named(data.encodings));
bars('sizes', data.sizes.map((sum) => ({ label: `from ${bytes(sum.fromBytes)}`, sum })));
bars('ttls', [
  ...data.ttls.map((sum) => ({ label: ttlName(sum.untilSeconds), sum })),
  { label: 'for ever', sum: { keys: data.totals.keys - data.totals.expiring, memoryBytes: data.totals.memoryBytes - data.ttls.reduce((n, s) => n + s.memoryBytes, 0) } },
].filter(({ sum }) => sum.keys > 0));

/* The tree of prefixes: they come by name, a parent right before what is under it. */
const root = { prefix: '', keys: data.totals.keys, memoryBytes: data.totals.memoryBytes, children: [], parent: null };
const nodes = new Map();
let last = root;
for (const item of data.prefixes) {
  while (last !== root && !item.prefix.startsWith(last.prefix)) last = last.parent;
  last = { ...item, children: [], parent: last };
  last.parent.children.push(last);
  nodes.set(last.prefix, last);
}

/* A level that holds one prefix and nothing else tells nothing: go on to the one below it. */
function below(node) {
  while (node.children.length === 1 && node.children[0].keys === node.keys && node.children[0].children.length > 0) node = node.children[0];
  return node;
}

/* The answer, in a sentence or three. What comes from names is set in bold, and as text. */
const percent = (part) => `${Math.round((100 * part) / total)} %`;
function answer() {
  const says = (...parts) => $('answer').append(...parts);
  const bold = (text) => element('b', { textContent: shown(text) });
  const [first, ...others] = [...below(root).children].sort((a, b) => b.memoryBytes - a.memoryBytes);
  if (data.totals.keys === 0) return says('There are no keys.');
  if (first) {
    says(bold(first.prefix), ` takes ${bytes(first.memoryBytes)}, ${percent(first.memoryBytes)} of the memory, in ${keysOf(first.keys)}`);
    others.slice(0, 2).forEach((next, i) => says(i === 0 ? '; then come ' : ' and ', bold(next.prefix), ` with ${percent(next.memoryBytes)}`));
    says('. ');
  } else says('No part of a name is common to many keys. ');
  const big = data.top[0];
  if (big) says('The biggest key is ', bold(big.key), `, a ${big.type} of ${bytes(big.memoryBytes)} (${share(big.memoryBytes)}). `);
  const { keys, expiring } = data.totals;
  says(expiring === 0 ? 'No key expires.' : expiring === keys ? 'All keys expire.' : `${Math.round((100 * expiring) / keys)} % of the keys expire.`);
}
answer();

/* Rows of a treemap are laid along the shorter side as long as that makes their tiles squarer (Bruls, Huizing, van Wijk 2000). */
function squarified(items, x, y, width, height) {
  const tiles = [];
  let left = items.filter((item) => item.memoryBytes > 0);
  while (left.length > 0 && width > 0 && height > 0) {
    const scale = (width * height) / left.reduce((n, item) => n + item.memoryBytes, 0);
    const side = Math.min(width, height);
    const worst = (row, area) => Math.max(...row.map((item) => {
      const a = item.memoryBytes * scale;
      return Math.max((side * side * a) / (area * area), (area * area) / (side * side * a));
    }));
    let row = [left[0]];
    let area = left[0].memoryBytes * scale;
    for (const item of left.slice(1)) {
      const grown = area + item.memoryBytes * scale;
      if (worst([...row, item], grown) > worst(row, area)) break;
      row.push(item);
      area = grown;
    }
    const depth = area / side;
    let at = 0;
    for (const item of row) {
      const length = (item.memoryBytes * scale) / depth;
      tiles.push(width >= height ? { item, x, y: y + at, w: depth, h: length } : { item, x: x + at, y, w: length, h: depth });
      at += length;
    }
    if (width >= height) { x += depth; width -= depth; } else { y += depth; height -= depth; }
    left = left.slice(row.length);
  }
  return tiles;
}

let at = root;
const tilesMost = 120;
const innerMost = 24;
function tilesOf(node, most) {
  const children = [...node.children].sort((a, b) => b.memoryBytes - a.memoryBytes);
  const kept = children.slice(0, most);
  const under = (list) => list.reduce((sum, c) => ({ keys: sum.keys + c.keys, memoryBytes: sum.memoryBytes + c.memoryBytes }), { keys: 0, memoryBytes: 0 });
  const [all, some] = [under(children), under(kept)];
  const rest = [
    { label: `${grouped(children.length - kept.length)} smaller prefixes`, keys: all.keys - some.keys, memoryBytes: all.memoryBytes - some.memoryBytes },
    { label: children.length > 0 ? 'keys without a further part' : 'keys', keys: node.keys - all.keys, memoryBytes: node.memoryBytes - all.memoryBytes },
  ].filter((item) => item.keys > 0 && item.memoryBytes > 0);
  return [...kept, ...rest].sort((a, b) => b.memoryBytes - a.memoryBytes);
}

const labelOf = (item, under) => item.prefix === undefined ? item.label : shown(item.prefix.slice(under.length));
const titleOf = (item) => `${item.prefix === undefined ? item.label : shown(item.prefix)}: ${bytes(item.memoryBytes)}, ${share(item.memoryBytes)}, ${keysOf(item.keys)}`;
/* One hue; the darker, the larger: size is said twice, colour says nothing else. Grey is what has no name of its own. */
function colour(item, most) {
  const weight = Math.sqrt(item.memoryBytes / most);
  return item.prefix === undefined ? `hsl(215 8% ${46 - 8 * weight}%)` : `hsl(7 ${38 + 24 * weight}% ${52 - 16 * weight}%)`;
}

/* Name and size of a tile, as much as there is room for: on one line, or on two. */
const oneLine = 190;
function said(item, w, h) {
  const size = `${bytes(item.memoryBytes)}${w > 110 ? ` · ${share(item.memoryBytes)}` : ''}`;
  const words = element('div', { className: `said ${w >= oneLine ? 'one' : 'two'}` }, element('b', { textContent: labelOf(item, at.prefix) }));
  if (w >= oneLine || (h > 46 && w > 64)) words.append(element('span', { textContent: size }));
  return words;
}

/* What a tile is made of, drawn into it: so the first look reaches two levels down. */
function preview(item, w, h, most) {
  const node = below(item);
  const top = w >= oneLine ? 27 : 45;
  if (w < 80 || h < top + 30) return [];
  return squarified(tilesOf(node, innerMost), 4, top, w - 10, h - top - 6).filter(({ w, h }) => w > 3 && h > 3).map(({ item, x, y, w, h }) => {
    const label = `${labelOf(item, node.prefix)}${w > 120 ? ` ${bytes(item.memoryBytes)}` : ''}`;
    const part = element('i', { title: titleOf(item), node: item, textContent: w > 40 && h > 18 ? label : '' });
    part.style.cssText = `left:${x}px;top:${y}px;width:${w - 1}px;height:${h - 1}px;background:${colour(item, most)};${w > 40 ? '' : 'padding:0;'}`;
    return part;
  });
}

function draw() {
  const path = [];
  for (let node = at; node; node = node.parent) path.unshift(node);
  $('path').replaceChildren(...path.map((node) => {
    const button = element('button', { type: 'button', textContent: node === root ? 'all keys' : shown(node.prefix.slice(node.parent.prefix.length)), onclick: () => go(node) });
    if (node === at) button.setAttribute('aria-current', 'true');
    return button;
  }));
  const map = $('map');
  const { clientWidth: width, clientHeight: height } = map;
  const items = tilesOf(at, tilesMost);
  const most = items.length > 0 ? items[0].memoryBytes : 1;
  map.replaceChildren(...squarified(items, 0, 0, width, height).map(({ item, x, y, w, h }) => {
    const into = item.children !== undefined && item.children.length > 0;
    const tile = element('button', { type: 'button', className: into ? 'into' : '', title: titleOf(item) });
    tile.style.cssText = `left:${x}px;top:${y}px;width:${w}px;height:${h}px;background:${colour(item, most)};`;
    tile.setAttribute('role', 'listitem');
    /* A tile too small for words has no room for padding either: it would grow over its neighbours. */
    if (w <= 54 || h <= 26) tile.style.padding = '0';
    else tile.append(said(item, w, h));
    if (into) {
      tile.append(...preview(item, w, h, most));
      tile.onclick = ({ target }) => go(target.node?.children?.length > 0 ? target.node : item);
    }
    return tile;
  }));
  $('map-note').textContent = `${at === root ? 'All keys' : shown(at.prefix)}: ${bytes(at.memoryBytes)} in ${keysOf(at.keys)}. ` +
    (at.children.length > 0 ? 'Choose a tile to look into it.' : 'Names are not told apart any further.') +
    (data.prefixesCut ? ' There were too many prefixes to keep: the smallest are left out.' : '');
}
function go(node) {
  at = below(node);
  draw();
  $('path').lastElementChild.focus({ preventScroll: true });
}
draw();
new ResizeObserver(draw).observe($('map'));

/* Tables and the search. */
function rows(table, heads, list) {
  table.replaceChildren(
    element('thead', {}, element('tr', {}, ...heads.map(([name, kind]) => element('th', { textContent: name, className: kind })))),
    element('tbody', {}, ...list.map((cells) => element('tr', {}, ...cells.map((cell, i) => element('td', { className: heads[i][1] }, cell))))));
}
const keyHeads = [['key', 'name'], ['memory', 'n'], ['type', ''], ['encoding', 'optional'], ['elements', 'n optional'], ['longest', 'n optional'], ['db', 'n']];
const keyCells = (key) => [shown(key.key), bytes(key.memoryBytes), key.type, key.encoding, key.type === 'string' ? '' : grouped(key.elements), bytes(key.longestBytes), String(key.db)];
const topFirst = 20;
function showTop(count) {
  rows($('top'), keyHeads, data.top.slice(0, count).map(keyCells));
  $('more').textContent = count < data.top.length ? `Show all ${grouped(data.top.length)}` : '';
}
$('more').onclick = () => showTop(data.top.length);
showTop(topFirst);

const foundMost = 50;
/* A prefix that was found is shown in the map. */
function toMap({ prefix }) {
  return element('button', {
    type: 'button', className: 'link', textContent: shown(prefix), title: 'Show it in the map',
    onclick: () => { go(nodes.get(prefix)); $('map-title').scrollIntoView({ block: 'start' }); },
  });
}
function search() {
  const wanted = $('search').value.toLowerCase();
  const prefixes = data.prefixes.filter(({ prefix }) => prefix.toLowerCase().includes(wanted));
  const keys = wanted === '' ? [] : data.top.filter(({ key }) => key.toLowerCase().includes(wanted));
  const largest = prefixes.sort((a, b) => b.memoryBytes - a.memoryBytes).slice(0, wanted === '' ? 10 : foundMost);
  rows($('found'), [['name', 'name'], ['memory', 'n'], ['share', 'n'], ['keys', 'n']], [
    ...largest.map((p) => [toMap(p), bytes(p.memoryBytes), share(p.memoryBytes), grouped(p.keys)]),
    ...keys.slice(0, foundMost).map((k) => [shown(k.key), bytes(k.memoryBytes), share(k.memoryBytes), '1']),
  ]);
  $('search-note').textContent = wanted === ''
    ? `The largest of ${grouped(data.prefixes.length)} prefixes; also searched: the ${grouped(data.top.length)} biggest keys.`
    : `${grouped(prefixes.length)} prefixes, ${grouped(keys.length)} of the biggest keys.`;
}
$('search').addEventListener('input', search);
search();
