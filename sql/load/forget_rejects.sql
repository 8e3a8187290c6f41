-- A rejected session that a complete read of its second did not return is looked for no more.
delete from meta.unsettled
using meta.rejects, windows_read
where
    unsettled.account = $account
    and rejects.account = $account
    and unsettled.id = rejects.id
    and epoch_us(rejects.created) // 1000000 > windows_read."after"
    and epoch_us(rejects.created) // 1000000 <= windows_read.until
    and unsettled.read_at < to_timestamp(windows_read.api_time)
    and rejects.id not in (select id from returned);
