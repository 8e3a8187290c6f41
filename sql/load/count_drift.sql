update meta.drift set sessions = drift.sessions + drifted.new_versions
from drifted
where
    drift.account = $account
    and drift.path = drifted.path
    and drift.type = drifted.type
    and drifted.new_versions > 0;
