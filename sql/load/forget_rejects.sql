-- A rejected session that a complete read of its second did not return is looked for no more.
delete from meta.unsettled
using meta.rejects, complete_windows
where
    unsettled.account = $account
    and rejects.account = $account
    and unsettled.id = rejects.id
    and epoch_us(rejects.created) // 1000000 > complete_windows."after"
    and epoch_us(rejects.created) // 1000000 <= complete_windows.until
    and unsettled.read_at < to_timestamp(complete_windows.api_time)
    and rejects.id not in (select id from returned);
