import type { TemplateGroup } from '../template.js';

/** Services that log key=value pairs. */
export const application: TemplateGroup = {
  prefix:
    'ts={isoz} level={!info|info|info|warn|error} caller={!source}.go:{!int:20-900} trace={hex:16} ' +
    'span={hex:8} ',
  templates: [
    'msg="request done" method={GET|GET|POST|PUT} route={url} code={200|200|200|404|500} ' +
      'dur={dec:900:3}ms bytes={bytes}',
    'msg="cart changed" cart={uuid} sku=SKU-{int:10000-99999} qty={int:1-12} total={dec:900:2}',
    'msg="stock low" sku=SKU-{int:10000-99999} left={int:0-20} warehouse={city}',
    'msg="order placed" order={int:100000-9999999} items={int:1-20} amount={dec:900:2} ' +
      'currency={EUR|USD|GBP} country={country}',
    'msg="carrier answer" carrier={carrier} parcel={pad:14} ' +
      'status={picked-up|in-transit|delivered|returned} eta={date}',
    'msg="search" q="{product} {product}" hits={log:90000} took={log:900}ms page={int:1-9}',
    'msg="recommendation" user={int:1-199999} model={semver} candidates={int:10-900} score=0.{pad:6}',
    'msg="login" user={user} ip={wan} mfa={totp|none|webauthn} device="{agent}"',
    'msg="login failed" user={user} ip={wan} reason="{wrong password|no such ' +
      'account|locked|expired}" tries={int:1-9}',
    'msg="password changed" user={int:1-199999} by={self|support|policy}',
    'msg="mail sent" id={hex:24} template={welcome|receipt|reset|news} smtp={ip} size={bytes}',
    'msg="mail bounced" id={hex:24} domain={domain} code={421|450|550|552} text="{mailbox full|no ' +
      'such mailbox|try later}"',
    'msg="payment" id={uuid} provider={carrier} amount={dec:900:2} ' +
      'result={ok|ok|ok|declined|timeout} risk=0.{pad:3}',
    'msg="refund" id={uuid} order={int:100000-9999999} amount={dec:200:2} agent={user}',
    'msg="cache" op={get|set|del} key={cache}:{int:1-199999} hit={true|true|false} dur={log:900}us',
    'msg="query" db={!database} table={!table} rows={log:9000} dur={dec:90:3}ms plan={hex:8}',
    'msg="rpc" service={service} method={!class}/{!method} ' +
      'code={OK|OK|OK|Unavailable|DeadlineExceeded} dur={dec:900:3}ms peer={ip}:{port}',
    'msg="retry" service={service} attempt={int:1-5} wait={int:10-9000}ms err="{exception}"',
    'msg="feature flag" flag={!column}_{product} user={int:1-199999} variant={control|a|b}',
    'msg="upload" object={home}/{hex:8}/{product}.{jpg|png|pdf} size={bytes} sha={hex:40}',
    'msg="webhook" url=https://{domain}{url} code={200|200|410|500} try={int:1-6} id={uuid}',
    'msg="batch" job={!script} read={log:90000} written={log:90000} skipped={log:90} dur={dec:600:2}s',
    'msg="geo lookup" ip={wan} city="{city}" country={country} dur={log:900}us',
    'msg="quota" tenant={user} used={log:90000} limit=100000 window=1h',
    'msg="panic recovered" err="{exception}" route={url} goroutine={int:1-99999} trace={hex:32}',
  ],
};
