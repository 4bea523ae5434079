"""Where each exchange is and when it closes, for those who cannot wait for a calendar to load.

A test holds the table against exchange-calendars, which knows half days and holidays; `sessions` is made from that.
"""

from stock_ml.errors import BadSetting

# ISO 10383 code -> time zone, usual close there
CLOSES = {
    "AIXK": ("Asia/Almaty", "17:00"),
    "ASEX": ("Europe/Athens", "17:20"),
    "BVMF": ("America/Sao_Paulo", "18:00"),
    "CMES": ("America/Chicago", "17:00"),
    "IEPA": ("America/New_York", "18:00"),
    "XAMS": ("Europe/Amsterdam", "17:30"),
    "XASX": ("Australia/Sydney", "16:00"),
    "XBDA": ("Atlantic/Bermuda", "16:30"),
    "XBEL": ("Europe/Belgrade", "14:00"),
    "XBKK": ("Asia/Bangkok", "16:30"),
    "XBOG": ("America/New_York", "16:00"),
    "XBOM": ("Asia/Kolkata", "15:30"),
    "XBRA": ("Europe/Bratislava", "15:30"),
    "XBRU": ("Europe/Brussels", "17:30"),
    "XBSE": ("Europe/Bucharest", "17:45"),
    "XBUD": ("Europe/Budapest", "17:00"),
    "XBUE": ("America/Argentina/Buenos_Aires", "17:00"),
    "XCBF": ("America/Chicago", "15:15"),
    "XCSE": ("Europe/Copenhagen", "17:00"),
    "XCYS": ("Asia/Nicosia", "17:00"),
    "XDUB": ("Europe/Dublin", "16:28"),
    "XDUS": ("Europe/Brussels", "22:00"),
    "XEEE": ("Europe/Berlin", "18:00"),
    "XETR": ("Europe/Berlin", "17:30"),
    "XEUR": ("Europe/Berlin", "22:00"),
    "XFRA": ("Europe/Berlin", "17:30"),
    "XHAM": ("Europe/Brussels", "22:00"),
    "XHEL": ("Europe/Helsinki", "18:30"),
    "XHKG": ("Asia/Hong_Kong", "16:00"),
    "XICE": ("Atlantic/Reykjavik", "15:30"),
    "XIDX": ("Asia/Jakarta", "15:50"),
    "XIST": ("Europe/Istanbul", "18:00"),
    "XJSE": ("Africa/Johannesburg", "17:00"),
    "XKAR": ("Asia/Karachi", "15:30"),
    "XKLS": ("Asia/Kuala_Lumpur", "17:00"),
    "XKRX": ("Asia/Seoul", "15:30"),
    "XLIM": ("America/Lima", "16:00"),
    "XLIS": ("Europe/Lisbon", "16:30"),
    "XLIT": ("Europe/Vilnius", "16:00"),
    "XLJU": ("Europe/Ljubljana", "15:15"),
    "XLON": ("Europe/London", "16:30"),
    "XLUX": ("Europe/Luxembourg", "17:40"),
    "XMAD": ("Europe/Madrid", "17:30"),
    "XMEX": ("America/Mexico_City", "15:00"),
    "XMIL": ("Europe/Rome", "17:30"),
    "XMOS": ("Europe/Moscow", "18:45"),
    "XNYS": ("America/New_York", "16:00"),
    "XNZE": ("Pacific/Auckland", "16:45"),
    "XOSL": ("Europe/Oslo", "16:20"),
    "XPAR": ("Europe/Paris", "17:30"),
    "XPHS": ("Asia/Manila", "15:30"),
    "XPRA": ("Europe/Prague", "16:20"),
    "XRIS": ("Europe/Riga", "16:00"),
    "XSAU": ("Asia/Riyadh", "15:00"),
    "XSES": ("Asia/Singapore", "17:00"),
    "XSGO": ("America/Santiago", "17:00"),
    "XSHG": ("Asia/Shanghai", "15:00"),
    "XSTO": ("Europe/Stockholm", "17:30"),
    "XSTU": ("Europe/Berlin", "22:00"),
    "XSWX": ("Europe/Zurich", "17:30"),
    "XTAE": ("Asia/Tel_Aviv", "17:15"),
    "XTAI": ("Asia/Taipei", "13:30"),
    "XTAL": ("Europe/Tallinn", "16:00"),
    "XTKS": ("Asia/Tokyo", "15:30"),
    "XTSE": ("America/Toronto", "16:00"),
    "XWAR": ("Europe/Warsaw", "17:00"),
    "XWBO": ("Europe/Vienna", "17:30"),
    "XZAG": ("Europe/Zagreb", "16:00"),
}


def after_the_close(exchange: str, minutes: int) -> tuple[str, str]:
    """Return cron expression and time zone of each weekday, `minutes` after the usual close.

    Raises BadSetting where the code is unknown.
    """
    if exchange not in CLOSES:
        raise BadSetting(f"no exchange is called {exchange!r}: set STOCKML_EXCHANGE to a code such as XNYS")
    zone, close = CLOSES[exchange]
    hour, minute = (int(part) for part in close.split(":"))
    hour, minute = divmod(hour * 60 + minute + minutes, 60)
    return f"{minute} {hour} * * 1-5", zone
