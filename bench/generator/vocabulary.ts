/** The words that variables of message templates take their values from. Earlier words are drawn more often. */
export const vocabulary = {
  user: words(`root admin deploy maria postgres oliver git backup sanna test jenkins guest svc-01 svc-02 svc-03 ops nadia
    ubuntu www-data support oracle user1 user2 ftp1 student7 batch`),
  database: words(
    'orders users catalog ledger sessions stock search_meta audit billing reports staging warehouse',
  ),
  table:
    words(`orders order_lines users sessions carts products prices stock_levels payments refunds invoices addresses
    shipments parcels reviews coupons events audit_log tokens roles permissions devices searches recommendations
    categories suppliers returns wish_lists messages jobs outbox schema_versions feature_flags`),
  column:
    words(`id status user_id created_at updated_at amount total currency product_id order_id region email tenant
    country kind quantity sku state version priority token expires_at score owner_id parent_id name`),
  topic: words(`orders.created payments.captured stock.moved user.events clicks search.queries mail.outbound
    audit.trail shipments.updated sessions.closed metrics.raw cart.changed prices.changed dead.letters __offsets`),
  unit: words(`nginx.service postgresql.service docker.service node-exporter.service ssh.service logrotate.timer
    certbot.timer checkout.service backup.service backup.timer redis.service apt-daily.timer fluentd.service kubelet.service
    containerd.service cron.service var-lib-data.mount tmp.mount dbus.socket getty@tty1.service nfs-client.target
    mdadm-scrub.timer rsyslog.service haproxy.service fstrim.timer`),
  process:
    words(`java node postgres nginx python3 redis-server kubelet dockerd containerd prometheus envoy haproxy ruby
    clickhouse kworker/u8:2 rsync gzip etcd coredns fluentd`),
  library: words(
    'libc.so.6 libssl.so.3 libjvm.so node libpython3.11.so libcrypto.so.3 ld-linux.so.2 libz.so.1',
  ),
  script:
    words(`rotate-logs sync-stock rebuild-index nightly-report prune-sessions send-digest backup-db check-certs
    update-geo warm-cache reconcile-payments export-orders collect-usage cleanup-uploads`),
  namespace: words('shop shop-staging payments platform monitoring kube-system ingress data batch mail'),
  image:
    words(`registry.local/shop/checkout registry.local/shop/cart registry.local/shop/search registry.local/platform/auth
    registry.local/shop/payment registry.local/base/node registry.local/base/java registry.local/platform/proxy
    registry.local/data/loader registry.local/data/kafka`),
  source:
    words(`handler server scheduler reconcile client kubelet manager store worker cache middleware session router
    volume probe queue deployment eviction leaderelection lease trace limiter pricing order pool consumer`),
  class:
    words(`OrderService PaymentGateway CartController UserRepository StockClient SearchIndexer MailSender TokenFilter
    SessionStore PriceCalculator ShipmentPlanner EventPublisher AuditWriter RetryTemplate ConnectionPool HealthProbe
    CatalogLoader ReviewService CouponEngine ReportJob WebhookDispatcher RateLimiter GeoResolver UploadHandler
    TaxTable InvoicePrinter RouteMatcher CacheLoader BatchReader LedgerMapper`),
  method:
    words(`load save find apply publish validate reserve release convert authorise refund index render resolve
    dispatch retry flush merge reload expire`),
  package: words(`com.shop.order com.shop.payment com.shop.cart com.shop.stock com.shop.search com.shop.mail
    com.shop.security com.shop.web com.shop.batch com.shop.catalog io.platform.http io.platform.pool io.platform.rpc
    io.platform.cache org.store.persistence`),
  exception:
    words(`SocketTimeoutException TimeoutException ConnectException NullPointerException IllegalStateException
    IOException OptimisticLockException EOFException OutOfMemoryError AccessDeniedException ConstraintViolation
    JsonParseException UnknownHostException StackOverflowError InterruptedException ClosedChannelException`),
  url: words(`/api/v1/items /api/v1/cart /api/v1/orders /login /api/v1/search /api/v2/recommendations /api/v1/users
    /api/v1/payments /api/v1/reviews /logout /api/v1/stock /api/v1/coupons /checkout /account /api/v2/events
    /api/v1/shipments /api/v1/invoices /admin/jobs /api/v1/uploads /api/v1/addresses`),
  domain:
    words(`shop.example.com api.example.com mail.example.net static.example.org partner.example.net cdn.example.com
    auth.example.com dns1.example.net host-204.pool.example.org ntp.example.net tracker.example.org dsl-11.example.net`),
  cache: words('session cart price profile token stock geo rate reco search'),
  index: words('products orders users reviews logs-web logs-app audit suggestions'),
  broker:
    words(`ReplicaFetcher-0 LogManager GroupCoordinator RequestHandler-3 RequestHandler-7 Controller ReplicaManager
    TransactionCoordinator QuotaManager LogCleaner SessionTracker QuorumPeer Partition`),
  engine: words(`exec.Executor exec.Executor sched.TaskSetManager storage.BlockKeeper storage.MemoryStore
    shuffle.BlockFetcher sched.StagePlanner exec.Backend rdd.InputReader runtime.WorkerPipe io.OutputCommitter
    sched.EventLoop memory.Manager broadcast.Exchange`),
  carrier: words('parcelpost northline swiftbox cardpay bankline walletone'),
  city: [
    'Berlin',
    'Helsinki',
    'Lyon',
    'Porto',
    'Austin',
    'Osaka',
    'Zürich',
    'São Paulo',
    'Malmö',
    'Nairobi',
    'Leeds',
  ],
  country: words('DE FI FR PT US JP CH BR SE KE GB'),
  product:
    words(`lamp chair kettle bicycle notebook jacket tent camera guitar blanket drill puzzle headphones backpack
    keyboard sofa thermos sandals monitor vase`),
  volume: words('/data/1 /data/2 /data/3 /data/4 /mnt/disk-a /mnt/disk-b /srv/store /var/lib/blocks'),
  home: words('/home/deploy /home/maria /srv/app /home/git /opt/shop /home/oliver /var/lib/jobs /home/ops'),
  disk: words('sda sdb sdc nvme0n1 nvme1n1 vda vdb dm-0 dm-3 md0'),
  nic: words('eth0 eth1 ens5 bond0 cali7f0 veth3a1 docker0'),
  agent: [
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148',
    'curl/8.5.0',
    'shop-android/7.14.2 (Pixel 8)',
    'python-requests/2.32.3',
    'Go-http-client/2.0',
    'okhttp/4.12.0',
    'Mozilla/5.0 (compatible; indexbot/2.1; +https://bot.example.org)',
    'shop-ios/7.13.0',
  ],
  jobfile:
    words(`/warehouse/orders/part /warehouse/clicks/part /user/deploy/input/events /user/batch/reports/daily
    /tmp/stage/attempt /warehouse/sessions/part /user/analytics/models/reco`),
} satisfies Record<string, readonly string[]>;

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
