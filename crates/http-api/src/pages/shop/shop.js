// The shop window: puts the parts together, and moves the hands of the clock.
import * as actions from './actions.js';
import { secondsTo, inWords, now, toSeconds } from './clock.js';
import { $, alarm, say, set } from './dom.js';
import { watch } from './feed.js';
import * as panel from './panel.js';
import { sale as lookAt } from './api.js';
import { saleOf } from './sale.js';
import * as shelf from './shelf.js';
import { S, holds, isAboutTo, picked } from './state.js';
import * as units from './units.js';
import * as wall from './wall.js';
import * as who from './who.js';

const AROUND_MS = 60_000, LAST_LOOK_MS = 5_000;
let unwatch = () => {}, checkedAt = {}, lastLookAt = 0;

const act = { ...actions, look };

function render() {
	panel.draw(act); wall.draw(act); shelf.draw(act); shelf.drawSales(choose);
	const words = { live: 'Live', wait: 'Coming back…', off: navigator.onLine ? 'No answer' : 'Offline' }[S.link];
	$('link').dataset.is = S.link;
	set($('linkText'), S.link === 'wait' && !S.sale ? (S.sale === null ? 'Waiting' : 'Connecting…') : words);
	const since = S.sale ? ` You see how things stood at ${toSeconds(S.sale.server_time)}.` : '';
	set($('banner'), S.link === 'off' ? `${navigator.onLine ? 'The shop does not answer.' : 'You are offline.'}${since} Holds run on meanwhile; their codes are safe in this browser.` : '');
}

/** What the stream tells. */
const tell = {
	sale(sale) {
		const was = S.sale;
		S.sale = sale;
		if (sale?.available) S.retry_at = null;
		const isOther = was === undefined || was?.id !== sale?.id;
		if (isOther) { S.retry_at = null; who.recount(); wall.hang(); }
		if (isOther || was?.state !== sale?.state) around();
		// What was said of a unit that came back is over when the sale is.
		if (sale && (sale.state === 'ended' || sale.sold === sale.stock)) S.message = null;
		if (!isOther && sale?.sold === sale?.stock && was?.sold !== sale?.sold) wall.hang();
		render();
	},
	link(is) {
		if (S.link === is) return;
		S.link = is;
		render();
		if (is === 'live') who.goOn();
	},
};

function choose(id) {
	location.hash = `sale=${id}`;
	$('panel').focus({ preventScroll: true });
}

/** Watches what the address names, or whichever sale is on. */
function follow() {
	const id = Number(/^#sale=([1-9]\d{0,12})$/.exec(location.hash)?.[1]) || null;
	if (S.sale && S.sale.id === id && S.chosen === id) return;
	unwatch();
	S.chosen = id; S.picked = null; S.message = null;
	unwatch = watch(id, tell);
}

async function look() {
	const answer = await lookAt(S.sale.id), sale = answer.kind === 'ok' ? saleOf(answer.body) : null;
	if (sale) tell.sale(sale);
	say(sale?.available ? 'There is one.' : sale ? 'Still none free.' : 'The shop did not answer.');
}

let aroundAt = 0;
async function around() {
	aroundAt = performance.now() + AROUND_MS * (.8 + Math.random() * .4);
	await shelf.lookAround();
	render();
}

function reload() {
	S.units = units.load();
	if (!picked() || !['held', 'bought'].includes(picked().is)) S.picked = S.busy ? null : holds()[0]?.code ?? null;
	render();
}

function tick() {
	setTimeout(tick, 1_020 - now() % 1_000);
	set($('clock'), S.sale ? toSeconds(now()) : '');
	if (S.retry && now() >= S.retry.at && S.link !== 'off') actions.again();
	for (const u of holds()) {
		const s = secondsTo(Date.parse(u.expires_at));
		if (s === 60 || s === 20) alarm(`${inWords(s)} left to buy ${u.name}.`);
		// The service ends a hold, not this clock: it is asked every other second.
		if (s === 0 && !(performance.now() < checkedAt[u.code])) { checkedAt[u.code] = performance.now() + 2_000; actions.ranOut(u); }
	}
	if (S.sale?.state === 'scheduled') {
		const s = secondsTo(Date.parse(S.sale.starts_at));
		if ([300, 60, 10].includes(s)) say(`Opens in ${inWords(s)}.`);
	}
	if (isAboutTo() && S.link !== 'live') lookAt(S.chosen).then(it => { const sale = saleOf(it.body); if (sale) tell.sale(sale); });
	// The stream of whichever sale is on says nothing of the last holds of one that is over.
	if (S.sale?.state === 'ended' && S.sale.held && !document.hidden && performance.now() > lastLookAt) {
		lastLookAt = performance.now() + LAST_LOOK_MS * (1 + Math.random());
		lookAt(S.sale.id).then(it => { const sale = saleOf(it.body); if (sale?.id === S.sale?.id) tell.sale(sale); });
	}
	if (!document.hidden && performance.now() > aroundAt && S.sale !== undefined) around();
	render();
}

who.start(render, () => $('main1').click());
actions.start(render, async () => { if (await who.need()) actions.ask(); });
units.onChange(reload);
addEventListener('hashchange', follow);
reload();
follow();
tick();
await who.goOn();
await units.checkAll();
reload();
actions.resume();
