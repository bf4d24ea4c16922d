// What the page asks of the service: as whoever has signed in, where buyers do.
import { ask as request, query } from './request.js';

let token = null, isOut = () => {};
export const setToken = it => { token = it; };
/** Has it be told when the token of this moment is not taken any more. */
export const onOut = then => { isOut = then; };

async function ask(method, path, headers = {}) {
	const mine = token, answer = await request(method, path, mine ? { ...headers, Authorization: `Bearer ${mine}` } : headers);
	if (answer.name === 'unauthorized' && mine === token) isOut();
	return answer;
}

export const sale = id => ask('GET', id ? `sales/${id}` : 'sales/current');
export const sales = state => ask('GET', `sales?${query({ state, limit: 20 })}`);
export const checkout = (sale, user, key) => ask('POST', `checkout?${query(user ? { user_id: user, id: sale } : { id: sale })}`, { 'Idempotency-Key': key });
export const purchase = code => ask('POST', `purchase?${query({ code })}`, { 'Idempotency-Key': code });
export const release = code => ask('DELETE', `checkout?${query({ code })}`);
export const codeNow = code => ask('GET', `checkouts/${code}`);
export const receipt = code => ask('GET', `purchases/${code}`);
export const me = (sale, user) => ask('GET', `me?${query(user ? { sale, user_id: user } : { sale })}`);
