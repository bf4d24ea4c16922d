// A picture of numbers over time, in SVG: its colours are those of the style sheet, and it needs nothing else.
import { hourMinute, toSeconds } from './clock.js';
import { el, svg } from './dom.js';
import { num } from './words.js';

const LEFT = 54, RIGHT = 16, TOP = 10, BOTTOM = 26, PATTERN = 'hatch', NEAR = 12, LINES_MAX = 8;
const MINUTE = 60_000, STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080].map(n => n * MINUTE);

/**
 * `layers` are drawn one over the other: `{ is: 'area' | 'line', name, of }`, where `name` is a class and `of` takes
 * the height of a point, or null where there is none.
 */
export function chart(host, layers) {
	const picture = svg('svg', { 'aria-hidden': 'true' }), paths = layers.map(({ is, name }) => svg('path', { class: `${is} ${name}` }));
	const grid = svg('g', { class: 'grid' }), over = svg('g', { class: 'marks' }), cursor = svg('line', { class: 'cursor' });
	picture.append(hatch(), ...paths, grid, over, cursor);
	host.append(picture);
	let last = null, at = null, pointer = null;

	/** `of`: `points` with a `t` each, `from` and `to`, `max`, `gap_ms` above which nothing is known in between, `marks`. */
	function draw(of = last) {
		last = of;
		const width = host.clientWidth, height = host.clientHeight;
		if (!of || !width) return;
		const { points, from, to, gap_ms, marks = [] } = of, max = of.max ?? highest(layers, points), floor = height - BOTTOM;
		const x = t => LEFT + (t - from) / (to - from) * (width - LEFT - RIGHT), y = v => TOP + (1 - v / max) * (floor - TOP);
		picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
		const seen = points.filter((p, i) => (points[i + 1]?.t ?? p.t) >= from && p.t <= to);
		layers.forEach((layer, i) => paths[i].setAttribute('d', pathOf(seen, layer, gap_ms, t => Math.max(LEFT, x(t)), y, floor)));
		grid.replaceChildren(...levels(max).map(v => level(v, y(v), width)), ...moments(from, to, width).map(t => label(x(t), height - 8, hourMinute(t), 'middle')));
		const p = at === null ? null : points[at], near = p ? pointer ?? x(p.t) : null;
		over.replaceChildren(...named(marks.filter(it => it.t >= from && it.t <= to), x, floor, width, near));
		for (const [name, value] of p ? [['x1', x(p.t)], ['x2', x(p.t)], ['y1', TOP], ['y2', floor]] : [['x1', -9], ['x2', -9]]) cursor.setAttribute(name, value);
	}

	new ResizeObserver(() => draw()).observe(host);
	return {
		draw,
		/** Has the line stand at a point, by its place; null takes it away. */
		point(i, clientX) { at = i; pointer = clientX === undefined ? null : clientX - host.getBoundingClientRect().left; draw(); },
		/** The place of the point that is nearest to where a pointer is. */
		nearest(clientX) {
			if (!last?.points.length) return null;
			const { left, width } = host.getBoundingClientRect(), { points, from, to } = last;
			const t = from + (clientX - left - LEFT) / (width - LEFT - RIGHT) * (to - from);
			return points.reduce((best, p, i) => Math.abs(p.t - t) < Math.abs(points[best].t - t) ? i : best, 0);
		},
	};
}

function hatch() {
	const stripes = svg('pattern', { id: PATTERN, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, svg('rect', { class: 'paper', width: 6, height: 6 }), svg('rect', { class: 'stripe', width: 3.4, height: 6 }));
	return svg('defs', {}, ...document.getElementById(PATTERN) ? [] : [stripes]);
}

const highest = (layers, points) => niceAbove(Math.max(1, ...layers.flatMap(({ of }) => points.map(p => of(p) ?? 0))));
const niceAbove = n => { const s = stepOf(n); return Math.ceil(n / s) * s; };

/** A round number of which about three or four make `n`. */
function stepOf(n) {
	const rough = n / 3, power = 10 ** Math.floor(Math.log10(rough));
	return [1, 2, 5, 10].map(k => k * power).find(s => s >= rough);
}

function levels(max) {
	const step = stepOf(max), all = [];
	for (let v = 0; v <= max * 1.001; v += step) all.push(v);
	return all;
}

function moments(from, to, width) {
	const step = STEPS_MS.find(s => (to - from) / s <= Math.max(2, width / 92)) ?? STEPS_MS.at(-1);
	// Round hours where whoever looks is.
	const zone = new Date(from).getTimezoneOffset() * MINUTE, all = [];
	for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to; t += step) all.push(t);
	return all;
}

const label = (x, y, text, anchor) => svg('text', { x, y, 'text-anchor': anchor }, text);
const level = (v, y, width) => svg('g', {}, svg('line', { x1: LEFT, x2: width - RIGHT, y1: y, y2: y }), label(LEFT - 8, y + 4, v < 10 && v % 1 ? v.toFixed(1) : v >= 100_000 ? `${num(v / 1_000)}k` : num(v), 'end'));

/** Lines of what was done. What is close to where somebody reads, or was done last, is named: one below the other. */
function named(marks, x, floor, width, near) {
	const at = near ?? x(marks.at(-1)?.t), isLate = at > width / 2, told = marks.filter(it => Math.abs(x(it.t) - at) <= NEAR).slice(-LINES_MAX);
	return [
		...marks.map(({ t }) => svg('line', { x1: x(t), x2: x(t), y1: TOP, y2: floor })),
		...told.map(({ t, text }, i) => label(at + (isLate ? -8 : 8), TOP + 14 + i * 18, `${toSeconds(t)} ${text}`, isLate ? 'end' : 'start')),
	];
}

/** What is known without a break is one piece. */
function pathOf(points, { is, of }, gap_ms, x, y, floor) {
	const runs = [];
	let before = null;
	for (const p of points) {
		const v = of(p);
		if (v === null) { before = null; continue; }
		if (!before || p.t - before.t > gap_ms) runs.push([]);
		runs.at(-1).push([x(p.t), y(v)]);
		before = p;
	}
	const round = n => Math.round(n * 10) / 10;
	return runs.map(run => {
		const line = run.map(([a, b]) => `${round(a)} ${round(b)}`).join('L');
		if (is === 'line') return `M${line}${run.length === 1 ? 'h1' : ''}`;
		return `M${round(run[0][0])} ${floor}L${line}L${round(Math.max(run.at(-1)[0], run[0][0] + 1))} ${floor}Z`;
	}).join('');
}

/** A number with its name, and what it is drawn with. */
export const stat = (key, name, value, more = '') => el('div', {}, el('dt', {}, ...key ? [el('i', { className: `key ${key}` })] : [], name), el('dd', {}, value, ...more ? [' ', el('small', { textContent: more })] : []));
