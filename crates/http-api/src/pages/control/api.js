// What the page asks of the operators' API, in a session whose cookie no program sees.
import { ask, query } from './request.js';

const get = path => ask('GET', path);

export const me = () => get('admin/me');
export const signIn = token => ask('POST', 'admin/session', { Authorization: `Bearer ${token}` });
export const signOut = () => ask('DELETE', 'admin/session');

export const sale = id => get(`admin/sales/${id}`);
export const sales = () => get('admin/sales?limit=20');
export const history = (id, step_ms) => get(`admin/sales/${id}/history?step_ms=${step_ms}`);
export const trail = (sale, limit = 20) => get(`admin/actions?${query(sale ? { sale, limit } : { limit })}`);
export const action = id => get(`admin/actions/${id}`);
export const products = () => get('admin/products?limit=20');
export const product = sku => get(`admin/products/${encodeURIComponent(sku)}`);

export const user = name => get(`admin/users/${encodeURIComponent(name)}`);
export const attempts = name => get(`admin/users/${encodeURIComponent(name)}/attempts`);
export const code = code => get(`admin/codes/${code}`);
export const unit = (sale, unit) => get(`admin/sales/${sale}/units/${unit}`);

/** The next page of a list, by the path that the last one gave. */
export const more = path => get(path.replace(/^\//, ''));

/** Has an order carried out. The same `id` again is the same order. */
export const order = ({ id, method, path, says }) => {
	const key = { 'Idempotency-Key': id };
	return method === 'DELETE' ? ask(method, `${path}?${query(says)}`, key) : ask(method, path, { ...key, 'Content-Type': 'application/json' }, JSON.stringify(says));
};
