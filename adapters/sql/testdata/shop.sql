create table if not exists orders (
  id       bigint primary key,
  customer text not null,
  total    numeric(12,2) not null,
  state    text not null default 'new',
  tags     text[],
  details  jsonb
);
create index if not exists orders_new on orders (id) where state = 'new';
