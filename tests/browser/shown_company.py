"""The company on the documentation's images: a shop's service desk on one morning. Nobody in it is a real person."""

from dataclasses import dataclass

NAME = "Harbour & Lane"
PEOPLE = [
    ("maya", "Maya", "Lindqvist", "supervisor"),
    ("tom", "Tom", "Okafor", "agent"),
    ("dana", "Dana", "Weiss", "agent"),
    ("leo", "Leo", "Marchetti", "agent"),
    ("ines", "Ines", "Carvalho", "agent"),
    ("alex", "Alex", "Kim", "admin"),
    ("priya", "Priya", "Nair", "privacy"),
]
STATUSES = [
    ("New", "#5b7cfa"),
    ("In progress", "#c98a1b"),
    ("Waiting for the customer", "#8a6fd1"),
    ("Call back", "#2a9db0"),
    ("Done", "#3c9a6b"),
]
# Name, phone, what the chat's platform calls them.
CONTACTS = [
    ("Maria Rossi", "+39 06 555 0142", "visitor-4102"),
    ("Jonas Weber", "+49 30 555 0177", "visitor-4117"),
    ("Amara Diallo", "+33 1 55 50 0136", "visitor-4120"),
    ("Sofia Petersen", "+45 32 55 01 44", "visitor-4133"),
    ("Hugo Blanchard", "+32 2 555 01 21", "visitor-4140"),
    ("Eleni Vasou", "+30 21 0555 0118", "visitor-4151"),
]


@dataclass(frozen=True)
class ShownCall:
    """`customer`, `column`: places in CONTACTS and STATUSES. Whoever `begins` says the first of what is `said`."""

    subject: str
    customer: int
    column: int
    given_to: str
    minutes_ago: int
    minutes: int
    said: tuple[str, ...]
    direction: str = "inbound"
    begins: str = "client"


CALLS = [
    ShownCall(
        "Parcel went to the neighbours",
        0,
        0,
        "",
        6,
        4,
        (
            "The courier says it was delivered, but it is with my neighbours and they are away.",
            "I will ask the courier to fetch it and bring it to you tomorrow.",
        ),
    ),
    ShownCall(
        "Wrong size, wants to exchange",
        3,
        0,
        "",
        14,
        3,
        (
            "These shoes are a size too small. Can I swap them?",
            "Of course, I am sending you a label now.",
        ),
    ),
    ShownCall(
        "Where is order 20718?",
        2,
        0,
        "",
        22,
        2,
        (
            "I ordered on Monday and the tracking page is still empty.",
            "It leaves our warehouse this evening.",
        ),
    ),
    ShownCall(
        "Invoice shows the old address",
        5,
        0,
        "",
        41,
        5,
        (
            "My invoice has the address from before we moved.",
            "I can correct that and send you a new one.",
        ),
    ),
    ShownCall(
        "Cancel before it is sent",
        4,
        0,
        "",
        55,
        2,
        (
            "Please cancel it, I ordered the same thing twice.",
            "Done, nothing has been charged.",
        ),
    ),
    ShownCall(
        "Damaged lamp, photos sent",
        2,
        1,
        "tom",
        70,
        9,
        (
            "The lamp arrived with a crack in the glass.",
            "I am sorry. Would you rather have a new one or a refund?",
        ),
    ),
    ShownCall(
        "Refund has not arrived",
        0,
        1,
        "dana",
        84,
        7,
        (
            "You told me the money would be on my account last week, and it is not.",
            "I can see that the refund was sent on Friday. I will ask the bank where it is.",
        ),
    ),
    ShownCall(
        "Two discounts on one order",
        3,
        1,
        "leo",
        97,
        6,
        (
            "The website let me use two vouchers, and now one is gone.",
            "Only one can be used per order, I fear.",
        ),
    ),
    ShownCall(
        "Asks for a VAT receipt",
        5,
        1,
        "ines",
        118,
        3,
        (
            "I need a receipt with the VAT on it for my accountant.",
            "Which company should I put on it?",
        ),
    ),
    ShownCall(
        "Return label does not print",
        4,
        2,
        "tom",
        140,
        4,
        (
            "The label comes out empty on my printer.",
            "I have sent it as a picture, please try that one.",
        ),
    ),
    ShownCall(
        "Which colour was it?",
        2,
        2,
        "dana",
        171,
        2,
        (
            "Was it the green or the dark green one?",
            "I have to ask my wife, I will write to you.",
        ),
        direction="outbound",
        begins="agent",
    ),
    ShownCall(
        "Confirm the delivery date",
        0,
        2,
        "ines",
        205,
        3,
        (
            "Would Thursday between nine and twelve suit you?",
            "I think so, let me confirm it this evening.",
        ),
        direction="outbound",
        begins="agent",
    ),
    ShownCall(
        "Complaint: third late delivery",
        1,
        3,
        "maya",
        232,
        12,
        (
            "This is the third time that you are late. I want to speak to somebody who can change that.",
            "I understand. My supervisor will call you back today.",
        ),
    ),
    ShownCall(
        "Promised a call at four",
        5,
        3,
        "leo",
        266,
        4,
        (
            "I promised to call at four, and here I am.",
            "I am in the car, could you try once more at six?",
        ),
        direction="outbound",
        begins="agent",
    ),
    ShownCall(
        "Thanks, all solved",
        3,
        4,
        "dana",
        301,
        2,
        (
            "It all arrived, thank you for the quick help.",
            "With pleasure. Have a nice day.",
        ),
    ),
    ShownCall(
        "Gift card code accepted",
        4,
        4,
        "tom",
        348,
        5,
        (
            "He wanted the number of the gift card on the phone, is that right?",
            "No, please tell it to nobody. Your card is still good.",
        ),
    ),
    ShownCall(
        "New password set",
        1,
        4,
        "ines",
        402,
        3,
        (
            "I cannot sign in any more.",
            "I have sent you a link with which you can choose a new password.",
        ),
    ),
    ShownCall(
        "Order changed to blue",
        2,
        4,
        "leo",
        455,
        4,
        (
            "Can I still have it in blue?",
            "Yes, I have changed it. You get a new confirmation.",
        ),
    ),
]
# Subject → rule, kind, from, to, weight, evidence.
FLAGS = {
    "Gift card code accepted": ("Words of pressure or fraud", "listed_phrase", 3.0, 4.0, 0.4, "gift card"),
    "Complaint: third late delivery": ("Both talk at once", "crosstalk", 212.0, 219.5, 0.1, "7.5 s"),
    "Damaged lamp, photos sent": ("Nobody speaks", "long_silence", 120.0, 164.0, 0.1, "44 s"),
}
