// The sale that is shown: how it stands, how it went, and what can be done with it.
import { chart, stat } from './chart.js';
import { atHour, left, now, secondsTo, toSeconds } from './clock.js';
import { $, el, say, set } from './dom.js';
import { fill } from './lists.js';
import { pointsOf, soldOutAt } from './points.js';
import { S, mayAct, shown, tabs } from './room.js';
import { STATE, lasting, markOf, nameOf, num, plural, share, when } from './words.js';

const GAP_MS = 150_000, MINUTE = 60_000, OLD_MS = 5_000;
let picture, act, points = [], read = null, pointer;

export function start(actions) {
	act = actions;
	picture = chart($('stack'), [
		{ is: 'area', name: 'free', of: p => p.stock }, { is: 'area', name: 'held', of: p => p.sold + p.held }, { is: 'area', name: 'sold', of: p => p.sold },
	]);
	const host = $('stack');
	host.addEventListener('pointermove', e => point(picture.nearest(e.clientX), e.clientX));
	for (const gone of ['pointerleave', 'blur']) host.addEventListener(gone, () => point(null));
	host.addEventListener('keydown', keyed);
	for (const b of document.querySelectorAll('.seg button')) b.addEventListener('click', () => span(Number(b.dataset.span)));
}

function span(s) {
	S.span_s = s;
	for (const b of document.querySelectorAll('.seg button')) b.setAttribute('aria-pressed', String(Number(b.dataset.span) === s));
	draw();
}

/** Reads another point: by the keys of a slider. */
function keyed(e) {
	const end = points.length - 1, i = read ?? end, step = { ArrowLeft: i - 10, ArrowDown: i - 10, ArrowRight: i + 10, ArrowUp: i + 10, PageDown: i - 60, PageUp: i + 60, Home: 0, End: end }[e.key];
	if (step === undefined || end < 0) return;
	e.preventDefault();
	point(Math.max(0, Math.min(end, step)));
}

function point(i, clientX) {
	read = i; pointer = clientX;
	picture.point(i, pointer);
	numbers();
}

export function draw() {
	const sale = shown();
	drawTabs(sale);
	$('stack').parentNode.classList.toggle('none', !sale);
	if (!sale) return none();
	const s = secondsTo(sale.state === 'scheduled' ? sale.starts : sale.ends), hold = sale.hold_ms ? `, held for ${lasting(sale.hold_ms)}` : '', old = sale.known && now() - sale.known > OLD_MS ? `. Counted at ${toSeconds(sale.known)}` : '', upTo = `Up to ${num(sale.per_user_limit)} each${hold}${old}`;
	set($('title'), `${nameOf(sale)}, sale ${sale.id}`);
	set($('sub'), sale.state === 'scheduled' ? `Opens ${s ? `in ${left(sale.starts)}, ${atHour(sale.starts_at)}` : 'now'}. ${upTo}` : sale.state === 'ended' ? `Ended ${atHour(sale.ends_at)}. ${upTo}` : `${STATE[sale.state]}. Ends ${s ? `in ${left(sale.ends)}, ${atHour(sale.ends_at)}` : 'now'}. ${upTo}`);
	acts(sale); exports(sale);
	// What a line points at stays, whatever comes after it.
	const at = read === null ? null : points[read]?.t;
	// The stock was another before it was changed.
	const changes = S.marks.filter(it => it.sale_id === sale.id && !it.refused && it.before?.stock), stockAt = t => changes.reduce((stock, it) => Date.parse(it.acted_at) > t ? it.before.stock : stock, sale.stock);
	points = pointsOf(sale).map(p => ({ ...p, stock: stockAt(p.t) }));
	const to = S.span_s ? Math.min(now(), Math.max(sale.ends, sale.starts + S.span_s * 1_000)) : Math.max(sale.ends, sale.starts + MINUTE), from = S.span_s ? Math.max(sale.starts - MINUTE, to - S.span_s * 1_000) : sale.starts;
	if (S.span_s) points = points.filter((p, i) => (points[i + 1]?.t ?? p.t) >= from);
	if (at !== null) { read = points.findIndex(p => p.t >= at); if (read < 0) read = null; picture.point(read, pointer); }
	const marks = S.marks.filter(it => it.sale_id === sale.id && !it.refused && markOf(it)).map(it => ({ t: Date.parse(it.acted_at), text: `${markOf(it)}, ${it.operator}` })).reverse();
	picture.draw({ points, from, to: Math.max(to, from + MINUTE), max: Math.max(sale.stock, ...points.map(p => p.stock)), gap_ms: GAP_MS, marks });
	set($('stackText'), points.length ? `Sold, on hold and free of ${plural(sale.stock, 'unit')}` : sale.state === 'scheduled' ? 'The picture starts when the sale does.' : 'Nothing is known of how it went: minutes are kept for seven days.');
	$('stack').classList.toggle('bare', !points.length);
	numbers();
}

function none() {
	points = [];
	const isKnown = S.room && !S.room.unknown;
	set($('title'), isKnown ? 'No sale is on, and none is planned' : 'One moment');
	set($('sub'), isKnown ? mayAct() ? 'Schedule one below.' : 'As soon as there is one, it appears here by itself.' : '');
	fill('acts', [], () => []);
	$('stats').replaceChildren(); set($('stackText'), ''); $('takeOut').hidden = true;
}

/** The numbers now, or of the point that is read. */
function numbers() {
	const sale = shown();
	if (!sale) return;
	const p = points[read] ?? sale, free = Math.max(0, sale.stock - p.sold - p.held), of = n => share(n, sale.stock);
	const stats = [stat('', 'Sold', num(p.sold), of(p.sold)), stat('h', 'On hold', num(p.held), of(p.held)), stat('f', 'Free', num(free), of(free))];
	stats[0].querySelector('dt').prepend(el('i', { className: 'key' }));
	if (points[read]) {
		stats.push(stat('', 'At', toSeconds(p.t), p.checkouts === undefined ? '' : `${plural(p.checkouts, 'checkout')}, ${num(p.refused ?? 0)} refused since the point before`));
	} else if (sale.state === 'open') {
		const at = soldOutAt(sale, now());
		stats.push(sale.sold >= sale.stock ? stat('', 'Sold out', 'Yes') : stat('', 'Sold out, at this pace', at ? when(at) : '–', at && at > sale.ends ? 'after the end' : ''));
	}
	$('stats').replaceChildren(...stats);
	const slider = $('stack'), end = Math.max(0, points.length - 1);
	slider.setAttribute('aria-valuemax', end);
	slider.setAttribute('aria-valuenow', read ?? end);
	slider.setAttribute('aria-valuetext', points.length ? `${toSeconds(points[read ?? end].t)}: ${num(points[read ?? end].sold)} sold, ${num(points[read ?? end].held)} on hold` : 'Nothing yet');
}

function button(is, text, onclick, tone = '', key = '') {
	const b = el('button', { type: 'button', className: `btn ${tone}`, onclick }, text, ...key ? [' ', el('kbd', { textContent: key })] : []);
	b.dataset.is = is;
	return b;
}

function acts(sale) {
	fill('acts', [sale.id, sale.state, mayAct()], () => {
		if (sale.state === 'ended') return [];
		if (!mayAct()) return [el('p', { className: 'mayLook', textContent: `You may look. To act, sign in with a token of the role operator.` })];
		const go = sale.state === 'paused' ? button('go', 'Resume…', () => act.resumeSale(sale.id), 'main', 'P') : button('go', 'Pause…', () => act.pauseSale(sale.id), '', 'P');
		return [go, button('change', 'Change…', () => act.changeSale(sale.id)), button('end', 'End…', () => act.endSale(sale.id), 'bad', 'E')];
	});
}

function exports(sale) {
	$('takeOut').hidden = false;
	fill('takeOut', [sale.id], () => ['Take out ', ...['attempts', 'purchases'].flatMap((what, i) => [i ? ' · ' : '', `${what} as `, ...['csv', 'ndjson'].flatMap((format, j) => [j ? ' or ' : '', el('a', { href: `admin/sales/${sale.id}/${what}?format=${format}`, download: '', textContent: format.toUpperCase(), ariaLabel: `${what} as ${format.toUpperCase()}` })])])]);
}

function drawTabs(sale) {
	const all = tabs();
	$('nav').hidden = !all.length;
	fill('tabs', [all.map(it => [it.id, nameOf(it)]), sale?.id], () => all.map((it, i) => {
		const b = el('button', { type: 'button', onclick: () => act.show(it.id), title: i < 9 ? `Key ${i + 1}` : '' }, el('b', { textContent: nameOf(it) }), el('small'));
		b.dataset.is = it.id;
		b.setAttribute('aria-current', String(it.id === sale?.id));
		return el('li', {}, b);
	}));
	all.forEach((it, i) => { $('tabs').children[i].querySelector('small').textContent = `${it.id} · ${STATE[it.state].toLowerCase()}${it.state === 'ended' ? '' : ` · ${left(it.state === 'scheduled' ? it.starts : it.ends)}`}`; });
}

/** Whoever does not see it is told when the sale that is shown turns into another state. */
let last = '';
export function tellState() {
	const sale = shown(), is = sale && `${sale.id}${sale.state}`;
	if (last && is && is !== last) say(`${nameOf(sale)}, sale ${sale.id}: ${STATE[sale.state]}`);
	last = is ?? '';
}

