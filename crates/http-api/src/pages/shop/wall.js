// The window: the wall of cards, the card that is turned, the ring that is its clock, and the tray of all on hold.
import { sales } from './api.js';
import { left, now } from './clock.js';
import { $, el, refill, set, svg } from './dom.js';
import { saleOf } from './sale.js';
import { S, holds, picked, view } from './state.js';
import { isGenerated, pictureOf } from './units.js';
import { num, signOf } from './words.js';

const CARDS = 20;
let shown;

export function draw(act) {
	const v = view(), u = picked(), main = $('main'), sign = signOf(v);
	main.dataset.view = v;
	main.dataset.has = u ? 'unit' : '';
	main.classList.toggle('sign', !!sign);
	main.classList.toggle('hasTray', holds().length > 1 && u?.is === 'held');
	main.classList.toggle('isQuiet', ['paused', 'before', 'loading', 'none'].includes(v));
	set($('sign'), sign || 'No. ?');
	if (u) set($('cap'), isGenerated(u) ? '' : `No. ${num(u.unit)}`);
	const back = S.sale?.product?.image ?? 'pages/back.svg';
	if ($('backPic').getAttribute('src') !== back) { $('backPic').src = back; main.classList.toggle('ofProduct', back !== 'pages/back.svg'); }
	$('stamp').hidden = v !== 'mine';
	if (u?.is === 'held') ring($('ring').lastElementChild, u);
	tray(act);
	if (u?.code !== shown) { shown = u?.code; show(u); }
}

function ring(rect, u) {
	const rest = Date.parse(u.expires_at) - now();
	rect.style.strokeDashoffset = 100 * (1 - Math.max(0, Math.min(1, (rest - 1_000) / u.hold_ms)));
	rect.parentNode.classList.toggle('soon', rest <= 60_000);
}

function tray(act) {
	const list = holds().length > 1 && picked()?.is === 'held' ? holds() : [], t = $('tray'), key = list.map(u => u.code).join();
	if (t.dataset.key !== key) {
		t.dataset.key = key;
		refill(t, list.map(u => {
			const r = { x: 2, y: 2, width: 74, height: 91, rx: 8 };
			const rings = svg('svg', { viewBox: '0 0 78 95', 'aria-hidden': 'true' }, svg('rect', { ...r, class: 'rail' }), svg('rect', { ...r, class: 'run', pathLength: 100 }));
			const thumb = el('button', { type: 'button', className: 'thumb', onclick: () => act.pick(u.code) }, el('img', { src: pictureOf(u), alt: u.name, width: 60, height: 75 }), rings, el('small'));
			thumb.dataset.is = u.code;
			return el('li', {}, thumb);
		}));
	}
	list.forEach((u, i) => {
		const b = t.children[i].firstChild;
		b.setAttribute('aria-current', String(u.code === S.picked));
		b.lastChild.textContent = left(Date.parse(u.expires_at));
		ring(b.querySelector('.run'), u);
	});
}

/** It lends what is around it its colours. */
function show(u) {
	const picture = $('pic');
	$('window').style.setProperty('--pic', u ? `url("${u.image}")` : 'none');
	if (u) { picture.src = pictureOf(u); picture.alt = u.name; }
}

/** Cards around the one that lies face down: of sales that are over or sold out, for nobody shall see what can still be had. */
export async function hang() {
	const answer = await sales('ended'), card = (src, width, height) => el('img', { src, width, height, alt: '' });
	const isOver = it => it && !it.product && (it.id !== S.sale?.id || it.sold === it.stock);
	const past = [...answer.body.sales ?? [], S.sale].map(saleOf).filter(isOver).slice(-3);
	const cards = Array.from({ length: CARDS }, (_, n) => {
		const sale = past[n % past.length];
		return sale ? card(`/items/${sale.id}/${1 + (n * 37 + sale.id * 11) % sale.stock}.svg`, 400, 500)
			: Object.assign(card('pages/back.svg', 400, 500), { className: `c${n % 4}` });
	});
	$('hang').replaceChildren(el('i'), ...cards);
}

