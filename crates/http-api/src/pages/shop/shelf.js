// Below: all units of this browser. Above: the sales there are.
import { sales as list } from './api.js';
import { hourMinute, toSeconds } from './clock.js';
import { $, el, set } from './dom.js';
import { nameOf, saleOf } from './sale.js';
import { S, bought, holds } from './state.js';
import { num } from './words.js';

const ORDER = { held: 0, bought: 1, expired: 2, returned: 2, cancelled: 2 };
const SAYS = {
	held: u => `On hold until ${toSeconds(u.expires_at)}`, bought: u => u.at ? `Bought at ${hourMinute(u.at)}` : 'Bought',
	expired: () => 'Time ran out, back on sale', returned: () => 'Given back', cancelled: u => u.at ? `The shop cancelled it at ${hourMinute(u.at)}` : 'The shop cancelled it',
};

export function draw(act) {
	const shelf = $('shelf'), units = [...S.units].sort((a, b) => ORDER[a.is] - ORDER[b.is]), key = units.map(u => u.code + u.is + u.at).join();
	if (shelf.dataset.key === key) return;
	shelf.dataset.key = key;
	$('mineCount').textContent = bought().length + holds().length;
	set($('mineSum'), units.length ? `${bought().length} bought, ${holds().length} on hold` : '');
	shelf.replaceChildren(...units.length ? units.map(u => unit(u, act)) : [el('li', { className: 'empty', textContent: 'Nothing yet. What you hold or buy appears here, also after a reload.' })]);
}

function unit(u, act) {
	const isGone = ORDER[u.is] === 2, show = () => { act.pick(u.code); $('panel').focus({ preventScroll: true }); scrollTo(0, 0); };
	const inside = [el('img', { src: u.image, alt: '', width: 400, height: 500, loading: 'lazy' }), el('b', { textContent: u.name.replace(/ No\. (\d+)$/, ' No.\u00a0$1') }), el('small', { textContent: SAYS[u.is](u) })];
	return el('li', { className: isGone ? 'gone' : '' }, isGone ? el('div', {}, ...inside) : el('button', { type: 'button', onclick: show }, ...inside));
}

let on = [];

/** Asks what is on beside the sale that is shown. */
export async function lookAround() {
	const answers = await Promise.all(['open', 'paused', 'scheduled'].map(list));
	if (answers.some(it => it.kind !== 'ok')) return;
	const found = answers.flatMap(it => it.body.sales ?? []).map(saleOf).filter(Boolean);
	// The hourly sale first, then the others as they end; of those to come, only what a shop has made.
	const rank = s => (s.product ? 1 : 0) + (s.state === 'scheduled' ? 2 : 0);
	on = found.filter(s => s.state !== 'scheduled' || s.product).sort((a, b) => rank(a) - rank(b) || Date.parse(a.ends_at) - Date.parse(b.ends_at));
}

export function drawSales(choose) {
	const nav = $('sales'), all = on.map(s => s.id === S.sale?.id ? S.sale : s);
	if (S.sale && !all.some(s => s.id === S.sale.id)) all.unshift(S.sale);
	const says = s => s.state === 'scheduled' ? `from ${hourMinute(s.starts_at)}` : s.state === 'open' ? s.available ? `${num(s.available)} left` : 'all taken' : s.state;
	nav.hidden = all.length < 2;
	const key = all.map(s => s.id).join();
	if (nav.dataset.key !== key) {
		nav.dataset.key = key;
		nav.replaceChildren(...all.map(s => {
			const image = s.product?.image;
			return el('button', { type: 'button', onclick: () => choose(s.id) }, ...image ? [el('img', { src: image, alt: '', width: 28, height: 35 })] : [], el('b', { textContent: nameOf(s) }), el('small'));
		}));
	}
	all.forEach((s, i) => {
		nav.children[i].setAttribute('aria-current', String(s.id === S.sale?.id));
		set(nav.children[i].lastChild, says(s));
	});
}
