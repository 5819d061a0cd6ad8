"""Names of columns in other systems' files, English and Chinese first, by the name each has with us.

Names are compared without case, spaces, dashes and underscores, and without RecBole's type after a colon. Of several
that are there the first counts.
"""

from __future__ import annotations

import re


def plain(name: str) -> str:
    """A column's name in small letters with underscores for all that is neither letter nor digit."""
    return re.sub(r"\W+", "_", name.strip().removeprefix("\ufeff").split(":")[0].strip()).strip("_").lower()


def squeezed(name: str) -> str:
    """A column's name as names are compared."""
    return plain(name).replace("_", "")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


IDS = {
    "user_id": _names(
        "userid user uid customerid customer custid visitorid visitor memberid member clientid client buyerid buyer "
        "shopperid reviewerid accountid account personid subscriberid householdid householdkey listenerid readerid "
        "username usernickname nickname usersha1 usermboxsha1 msno steamid profilename "
        "用户id 用户编号 用户 用户名 会员id 会员编号 会员号 会员 客户id 客户编号 客户号 客户 顾客id 顾客编号 顾客 买家id 买家 使用者 "
        "usuario idusuario cliente idcliente kunde kundenid kundennr kundennummer benutzer benutzerid utilisateur idclient"
    ),
    "item_id": _names(
        "itemid item iid parentasin asin movieid filmid productid product sku skuid articleid stockcode isbn isbn13 isbn10 "
        "bookid animeid gameid appid songid trackid artistid albumid videoid showid businessid recipeid newsid docid "
        "documentid contentid postid courseid jobid hotelid restaurantid poiid venueid locationid jokeid listingid offerid "
        "goodsid goods spuid spu variantid stockid gtin ean upc barcode "
        "商品id 商品编号 商品编码 商品 物品id 物品编号 物品 产品id 产品编号 产品编码 产品 货品id 货号 货品 宝贝id 条码 物料编码 "
        "producto idproducto artikel artikelid artikelnr artikelnummer produkt produktid produit idproduit"
    ),
    "friend_id": _names(
        "friendid friend targetid targetuserid followeeid followee followingid trusteeid trustee userid2 user2 userb "
        "好友id 好友 关注id 被关注者"
    ),
}
"""Names of ids. Who a tie goes out from stands in FIRST_USERS."""

FIRST_USERS = _names(
    "followerid follower sourceid sourceuserid trusterid truster trustorid userid1 user1 usera 粉丝 关注者"
)
"""Who a tie goes out from; a user's name only beside a friend's."""

PLAIN_IDS = _names("id code ref key 编号 编码 序号")
"""What an id is called in a table of its own."""

SESSIONS = _names(
    "sessionid session usersession visitid visit basketid invoiceno invoice invoiceid orderid order transactionid "
    "会话id 会话 订单id 订单编号 订单号 订单"
)

NO_ITEMS = _names(
    "user customer visitor member client buyer reviewer session visit event request order invoice transaction basket cart "
    "row record line index category cat subcategory brand parent store shop seller vendor merchant supplier aisle department "
    "dept device genre author director actor tag group type class color colour size city country region state campaign page "
    "click review comment rating query search batch friend target imdb tmdb external google facebook recommendation list "
    "用户 会员 客户 顾客 买家 订单 会话 类目 分类 类别 品类 品牌 店铺 商家 门店 卖家 事件 请求 交易 评论 好友 作者"
)
"""What an id of this name is no item's."""

EVENTS = {
    "timestamp": _names(
        "timestamp unixreviewtime eventtime eventtimestamp createdat created createtime creationtime datetime time ts date "
        "eventdate unixtime epoch timestampms ratingtimestamp ratedat ratingdate ratingtime reviewdate reviewtime reviewedat "
        "orderdate orderedat ordertime orderpurchasetimestamp purchasedate purchasedat purchasetime invoicedate "
        "transactiondate transactiontime tdat tranddate paidat paymenttime viewedat viewtime visittime visitdate visitedat "
        "watchedat watchdate playedat playtime listenedat clickedat clicktime addedat loggedat occurredat servertime "
        "updatedat modifiedat when day "
        "时间戳 时间 日期 创建时间 下单时间 订单时间 购买时间 购买日期 支付时间 付款时间 交易时间 行为时间 操作时间 事件时间 评分时间 "
        "评论时间 评价时间 点击时间 浏览时间 播放时间 收藏时间 发生时间 更新时间 "
        "fecha zeit zeitpunkt datum"
    ),
    "event_type": _names(
        "eventtype eventname event feedbacktype behaviortype behaviourtype behavior behaviour action actiontype "
        "interactiontype interaction activity activitytype operation eventcategory "
        "行为类型 行为 事件类型 事件 操作类型 操作 动作"
    ),
    "session_id": SESSIONS,
    "request_id": _names("requestid recommendationid"),
    "event_id": _names("eventid"),
    "position": _names("position"),
    "propensity": _names("propensity"),
    "context": _names("context"),
}

VALUES = {
    "value": _names("value eventvalue"),
    "rating": _names(
        "rating ratings overall stars starrating score bookrating userrating userscore myrating ratingvalue reviewscore "
        "points 评分 打分 评星 星级 分数 得分 bewertung puntuacion"
    ),
    "purchase": _names(
        "quantity qty orderquantity itemcount units amountofitems 数量 件数 购买数量 购买件数 cantidad menge"
    ),
    "listen": _names("plays playcount listencount 播放次数"),
    "dwell": _names(
        "dwelltime dwellseconds dwell watchtime duration durationseconds 停留时长 停留时间 时长 观看时长 阅读时长"
    ),
    "finish": _names("watchratio completion completionrate progress 完播率 完成度"),
}
"""Names of the number beside an event, by the kind an event is that has no type; "value" fits every kind."""

KIND_OF_TIME = {
    **dict.fromkeys(
        _names(
            "orderdate orderedat ordertime orderpurchasetimestamp purchasedate purchasedat purchasetime invoicedate paidat "
            "paymenttime transactiondate tdat 下单时间 订单时间 购买时间 购买日期 支付时间 付款时间"
        ),
        "purchase",
    ),
    **dict.fromkeys(_names("clickedat clicktime 点击时间"), "click"),
    **dict.fromkeys(_names("viewedat viewtime 浏览时间"), "view"),
    **dict.fromkeys(_names("playedat listenedat 播放时间"), "listen"),
    **dict.fromkeys(_names("收藏时间"), "favourite"),
}
"""The same by the name of its time, where there is no value that tells."""

CONTEXT = {
    "text": _names(
        "commenttext comment comments reviewtext reviewbody review reviewcontent body text content message tag "
        "评论 评论内容 评价 评价内容 评语 标签 内容"
    ),
    "device": _names("device devicetype platform clienttype 设备 设备类型 平台 终端"),
    "place": _names("place location city 地点 城市 地区"),
    "surface": _names("surface channel pagetype placement 渠道 页面 来源"),
}
"""What goes into an event's context, by the key it has there."""

ITEMS = {
    "title": _names(
        "title name productname itemname movietitle booktitle producttitle itemtitle articletitle songname trackname "
        "artistname gamename displayname headline label comment "
        "标题 名称 商品名称 商品名 商品标题 产品名称 品名 物品名称 片名 电影名 电影名称 书名 歌名 歌曲名 titulo nombre titel bezeichnung nom"
    ),
    "text": _names(
        "text description overview desc summary longdescription productdescription shortdescription itemdescription plot "
        "synopsis abstract body bodyhtml content details about "
        "描述 简介 详情 内容 商品描述 商品详情 商品简介 介绍 剧情简介 内容简介 descripcion beschreibung"
    ),
    "available_from": _names(
        "availablefrom creationtimestamp timestamp availabledate createdat created createtime dateadded addedat publishedat "
        "publishdate publishtime launchdate launchedat 上架时间 发布时间 创建时间"
    ),
    "available_until": _names(
        "availableuntil availableto expiresat expirydate expirationdate enddate validuntil discontinuedat 下架时间 截止时间"
    ),
    "images": _names(
        "images image imageurl imageurlhighres imagelink imgurl img picture pictureurl poster posterurl posterpath thumbnail "
        "cover coverurl imageurll imageurlm imageurls 图片 封面 主图 图片链接"
    ),
    "price": _names(
        "price pricenow saleprice sellingprice currentprice unitprice listprice retailprice finalprice "
        "价格 单价 售价 现价 precio preis prix"
    ),
    "currency": _names("currency pricecurrency currencycode 货币 币种"),
    "stock": _names(
        "stock stockquantity stocklevel stockcount stockonhand quantityavailable availablequantity quantityinstock qtyinstock "
        "inventory inventoryquantity inventorylevel unitsinstock inventoryqty onhand quantity qty availablestock "
        "库存 库存数量 库存量 存货 现有库存 bestand existencias lagerbestand"
    ),
    "in_stock": _names(
        "instock isinstock isavailable available availability stockstatus availabilitystatus buyable purchasable "
        "有货 是否有货 库存状态 可售 verfuegbar disponible"
    ),
    "out_of_stock": _names("outofstock isoutofstock soldout issoldout unavailable 缺货 是否缺货 售罄 无货"),
    "hidden": _names(
        "hidden ishidden deleted isdeleted archived isarchived disabled isdisabled inactive discontinued isdiscontinued "
        "removed 隐藏 是否隐藏 下架 已下架 是否下架 已删除"
    ),
    "shown": _names(
        "visible isvisible active isactive published ispublished enabled isenabled listed islisted forsale onshelf "
        "上架 是否上架 在售 是否在售 显示"
    ),
    "status": _names("status productstatus itemstatus 状态 商品状态"),
}
"""out_of_stock and shown say the opposite of in_stock and hidden; a status may say either."""

SURE = frozenset(
    _names(
        "productname itemname movietitle booktitle producttitle itemtitle articletitle songname trackname artistname gamename "
        "categorycode categoryname productcategory brand genres genre 商品名称 商品名 商品标题 产品名称 品名 品牌 类目 类别 分类"
    )
)
"""Names that say an item's column even in a file of events too small to tell."""

BESIDE = {
    "title": (*ITEMS["title"][:-1], "description", "desc", "描述"),
    "price": ITEMS["price"],
    "currency": ITEMS["currency"],
    "brand": _names("brand vendor manufacturer publisher 品牌 厂商"),
    "category": _names("category productcategory categoryname producttype 类目 类别 分类 商品类别 商品分类"),
    "category_code": _names("categorycode"),
    "category_id": _names("categoryid"),
    "genres": _names("genres genre"),
    "author": _names("author bookauthor authors artist 作者"),
}
"""What the rows of events may say of their items, by our name."""

PREFIXES = _names("lineitem variant product item article goods 商品 产品")
"""What exports put before a name without changing what it says: Lineitem sku, Variant Price."""

USERS = _names(
    "age agegroup gender sex email mail phone occupation job birthday birthdate dateofbirth birthyear zip zipcode postcode "
    "city country language firstname lastname signupdate signedupat registeredat registrationdate membersince loyalty "
    "年龄 性别 职业 城市 国家 地区 生日 出生日期 注册时间 邮箱 手机 手机号 学历 语言"
)
"""What users have, and items rarely."""

PROPERTIES = (
    _names("property attribute feature propertyname attributename key field 属性 属性名"),
    _names("value propertyvalue attributevalue 属性值 值"),
)
"""Names of the two columns of a table with one row for each property of an item."""

LISTED = re.compile(
    r"genres?|(sub_?)?categor(y|ies)|tags?|keywords?|labels?|topics?|themes?|styles?|types?|moods?|features?|authors?|"
    r"artists?|directors?|actors?|cast|stars|languages?|countries|colou?rs?|materials?|ingredients?|"
    r".*(类型|类别|分类|类目|标签|题材|风格|关键词|主题|作者|演员|导演|品类|颜色|材质|口味)"
)
"""Columns whose cells often hold several values."""

NOISE = frozenset(
    _names("alsobuy alsoview similaritem boughttogether videos rank tech1 tech2 related unnamed0 index rownumber")
)
"""Columns of published item files that are no attributes."""
