// Below: all units of this browser. Above: the sales there are.
import { sales as list } from './api.js';
import { dayHour, toSeconds } from './clock.js';
import { $, el, refill, set } from './dom.js';
import { nameOf, saleOf } from './sale.js';
import { S, bought, holds, isOut } from './state.js';
import * as units from './units.js';
import { num, onCard } from './words.js';

const ORDER = { held: 0, bought: 1, expired: 2, returned: 2, cancelled: 2 };
const SAYS = {
	held: u => `On hold until ${toSeconds(u.expires_at)}`, bought: u => u.at ? `Bought at ${dayHour(u.at)}` : 'Bought', expired: () => 'Time ran out, back on sale', returned: () => 'Given back',
	cancelled: u => `The shop cancelled it${u.at ? ` at ${dayHour(u.at)}` : ''}${u.why ? `: “${u.why}”` : ''}`,
};

export function draw(act) {
	const shelf = $('shelf'), all = [...S.units].sort((a, b) => ORDER[a.is] - ORDER[b.is]), key = JSON.stringify([all.map(u => [u.code, u.is, u.at, u.why]), isOut()]);
	set($('kept'), `${units.isKept() ? 'Kept in this browser' : 'This browser does not keep them: leave this tab open, or note the codes of what you buy'}${S.wantsToken ? units.isKept() ? '; where you sign in, there they are, too' : '' : units.isKept() ? ' only' : ''}. A code is the proof that a unit is yours, so keep it to yourself.`);
	if (shelf.dataset.key === key) return;
	shelf.dataset.key = key;
	$('mineCount').textContent = bought().length + holds().length;
	set($('mineSum'), all.length ? `${bought().length} bought, ${holds().length} on hold` : '');
	const nothing = isOut() ? 'Sign in, and what you hold and have bought is here.' : 'Nothing yet. What you hold or buy appears here, also after a reload.';
	refill(shelf, all.length ? all.map(u => unit(u, act)) : [el('li', { className: 'empty', textContent: nothing })]);
}

function unit(u, act) {
	const isGone = ORDER[u.is] === 2, show = () => { act.pick(u.code); $('panel').focus({ preventScroll: true }); scrollTo(0, 0); };
	const inside = [el('img', { src: units.pictureOf(u), alt: '', width: 400, height: 500, loading: 'lazy' }), el('b', { textContent: onCard(u) }), el('small', { textContent: SAYS[u.is](u) })];
	const shown = isGone ? el('div', {}, ...inside) : el('button', { type: 'button', onclick: show }, ...inside);
	shown.dataset.is = u.code;
	return el('li', { className: isGone ? 'gone' : '' }, shown);
}

let on = [];

/** Asks what is on beside the sale that is shown. Returns whether that was answered. */
export async function lookAround() {
	const answers = await Promise.all(['open', 'paused', 'scheduled'].map(list));
	if (answers.some(it => it.kind !== 'ok')) return false;
	const found = answers.flatMap(it => it.body.sales ?? []).map(saleOf).filter(Boolean);
	// The hourly sale first, then the others as they end; of those to come, only what a shop has made.
	const rank = s => (s.product ? 1 : 0) + (s.state === 'scheduled' ? 2 : 0);
	on = found.filter(s => s.state !== 'scheduled' || s.product).sort((a, b) => rank(a) - rank(b) || Date.parse(a.ends_at) - Date.parse(b.ends_at));
	return true;
}

export function drawSales(choose) {
	const nav = $('sales'), all = on.map(s => s.id === S.sale?.id ? S.sale : s);
	if (S.sale && !all.some(s => s.id === S.sale.id)) all.unshift(S.sale);
	const says = s => s.state === 'scheduled' ? `from ${dayHour(s.starts_at)}` : s.state === 'open' ? s.available ? `${num(s.available)} left` : 'all taken' : s.state;
	S.others = on.filter(it => it.state === 'open' && it.id !== S.sale?.id).length;
	nav.hidden = all.length < 2;
	const key = all.map(s => s.id).join();
	if (nav.dataset.key !== key) {
		nav.dataset.key = key;
		refill(nav, all.map(s => {
			const image = s.product?.image, tab = el('button', { type: 'button', onclick: () => choose(s.id) }, ...image ? [el('img', { src: image, alt: '', width: 28, height: 35 })] : [], el('b', { textContent: all.some(it => it.id !== s.id && nameOf(it) === nameOf(s)) ? `${nameOf(s)}, no. ${s.id}` : nameOf(s) }), el('small'));
			tab.dataset.is = s.id;
			return tab;
		}));
	}
	// The one that is shown is in sight.
	const at = all.findIndex(s => s.id === S.sale?.id), isOther = nav.dataset.at !== String(S.sale?.id);
	nav.dataset.at = S.sale?.id;
	if (isOther && at >= 0 && !nav.hidden) nav.scrollLeft = nav.children[at].offsetLeft - 16;
	all.forEach((s, i) => {
		nav.children[i].setAttribute('aria-current', String(s.id === S.sale?.id));
		set(nav.children[i].lastChild, says(s));
	});
}
