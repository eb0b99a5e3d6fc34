"""Words of the demonstration: the calls, and what made-up practices would answer. None of it is any partner's own text."""

ORGANISATION_KINDS = ["local_authority", "childrens_trust", "charity", "adoption_agency", "consortium"]

# Key, section, question, guidance, kind, word limit, must be answered.
QUESTIONS = (
    (
        "done",
        "The practice",
        "What is done, by whom and with whom?",
        "Describe a usual week. Say who does the work, for how long, and where in the system it happens.",
        "long_text",
        300,
        True,
    ),
    ("since", "The practice", "Since when has it run?", "Month and year are enough.", "short_text", 20, True),
    (
        "families",
        "The practice",
        "How many children or families took part in the last twelve months?",
        "Your best count. Give figures only.",
        "number",
        None,
        True,
    ),
    (
        "need",
        "The need",
        "What does it change, for whom, and how do you know?",
        "Say what families and practitioners told you.",
        "long_text",
        250,
        True,
    ),
    (
        "logic",
        "How it works",
        "How does what you do lead to what you hope for?",
        "Inputs, activities, what changes in people, outcomes. A list will do.",
        "long_text",
        300,
        True,
    ),
    (
        "evidence",
        "What is known so far",
        "What data, feedback or earlier evaluation do you have, and what do you not know?",
        "Early signs are welcome, and so are doubts.",
        "long_text",
        250,
        True,
    ),
    (
        "data",
        "Can it be evaluated?",
        "Which outcomes are recorded today, in which system, and who can take them out?",
        "Name the office and not the person.",
        "long_text",
        200,
        True,
    ),
    (
        "comparison",
        "Can it be evaluated?",
        "Are there families or teams that do not have the practice yet?",
        "",
        "yes_no",
        None,
        True,
    ),
    (
        "readiness",
        "Readiness",
        "What time and support do leaders give, and what may change in the next twelve months?",
        "Restructures, inspections, a new case management system.",
        "long_text",
        200,
        True,
    ),
    (
        "scale",
        "Scale",
        "What would another organisation need in order to do it?",
        "Manuals, training, cost.",
        "long_text",
        150,
        False,
    ),
    (
        "ethics",
        "Ethics and inclusion",
        "How do families agree to take part, and who might be left out or harmed?",
        "Say how children are heard.",
        "long_text",
        200,
        True,
    ),
)

# Name, what marks look like, weight.
CRITERIA = (
    ("Fit with the call", "4: squarely within the aim, and says why. 0: another subject.", 2),
    ("Promise", "4: a clear need, a chain of causes that holds, early signs. 0: none of these.", 3),
    (
        "Can it be evaluated",
        "4: enough families, outcomes recorded now, a fair comparison in reach. 0: nothing to count.",
        3,
    ),
    (
        "Readiness and capacity",
        "4: a named lead with time, leaders who back it, a stable year ahead. 0: no time given.",
        2,
    ),
    ("Potential to scale", "4: others could start with what is written down. 0: depends on one person.", 1),
    ("Inclusion and ethics", "4: consent, risks and children's voices thought through. 0: not considered.", 2),
)

OFFERED = (
    "A researcher who works with you for a year, to describe the practice, find out what can be measured and design an evaluation.\n\n"
    "Days of training for those who collect data, and a place in a network with the other partners. No grant is paid."
)
ASKED = (
    "A practice lead for about one day a week, somebody who can take data out of your system, and a senior sponsor.\n\n"
    "Totals only are shared, never details of a child. Results are published whatever they show."
)
WHO = (
    "Any organisation that works in children's social care in England, with a practice that runs already. Every Ofsted grade is "
    "welcome. Several organisations may apply together; one of them leads."
)
CONSULTATION = (
    "Demonstration: principal social workers and a group of care-experienced advisers read a draft. They asked for fewer words "
    "and for a question on children's voices; both were done."
)

# By the name of the practice: summary, group, office of the lead, answers by key.
PRACTICES = {
    "First weeks together": {
        "summary": "Special guardians meet a worker and another guardian weekly for ten weeks. It begins before the order is made.",
        "group": "Special guardians and the children with them",
        "lead_role": "Head of service, children in care",
        "done": "A social worker and a trained special guardian visit together, once a week for ten weeks. The first four visits happen before the court makes its order. They talk through contact with parents, benefits, school, and what to do on a bad day. A group meets monthly afterwards.",
        "since": "March 2024",
        "families": "46",
        "need": "Guardians told us that help stopped on the day of the order, when theirs had only begun. In our survey two in three did not know whom to ring in a crisis. Placements that broke down did so mostly in the first two years.",
        "logic": "Time of two people; weekly visits; guardians know what is coming and whom to ring; they ask earlier; fewer crises; children stay with kin.",
        "evidence": "Of 46 families, 41 finished. Calls to the duty team fell in the months after. We do not know whether these families would have asked less anyway.",
        "data": "Moves of children and contacts with duty are recorded in our case management system. The performance team takes out monthly totals.",
        "comparison": "yes",
        "readiness": "The director sponsors it and two posts are funded for two years. We expect an inspection within twelve months and no change of system.",
        "scale": "A manual of forty pages, three days of training, one worker for twenty families.",
        "ethics": "Taking part is free and can stop at any time. Guardians who do not speak English well were missed at first: we now bring interpreters. Children over eight are asked each month how it goes.",
    },
    "Same worker, all the way": {
        "summary": "One worker stays with a young person from the edge of care until six months after the plan ends.",
        "group": "Young people aged 11 to 17 at the edge of care",
        "lead_role": "Service director, early help",
        "done": "A worker with no more than eight young people keeps each of them, whatever team holds the plan. Meetings happen where the young person wants, usually twice a week at first. The worker joins every plan meeting.",
        "since": "September 2023",
        "families": "88",
        "need": "Young people counted up to nine workers in a year and said that they had stopped telling their story. Team managers saw plans start again with each handover.",
        "logic": "Small caseloads; one relationship; the story is told once; trust; plans that last; fewer entries into care.",
        "evidence": "Of 88 young people, 71 had one worker only. Entries into care were fewer than the year before, and fewer in neighbouring areas as well, so we cannot say why.",
        "data": "Entries into care, school attendance and missing episodes are recorded weekly. Business intelligence can take out totals by team.",
        "comparison": "yes",
        "readiness": "Twelve posts are permanent. The practice lead has one day a week. Two localities will be merged in the spring.",
        "scale": "The caseload is the cost: about one post for eight young people. A guide for managers is written.",
        "ethics": "Young people choose whether to take part and may ask for another worker. We look at who is offered it: fewer girls than boys at first, now even.",
    },
    "Family plan before conference": {
        "summary": "Relatives meet with a coordinator before the first child protection conference and bring a plan of their own.",
        "group": "Families at a first child protection conference",
        "lead_role": "Assistant director, children's services",
        "done": "A coordinator from outside the team invites relatives and friends within ten days. They meet alone for part of the time and write a plan. The conference hears it first. The chair says in the record what was taken up and why not.",
        "since": "January 2024",
        "families": "134",
        "need": "Parents said that the conference felt decided before they came in. Chairs saw relatives who could help and had never been asked.",
        "logic": "A coordinator; a meeting of the family; relatives know the worries and offer help; plans that fit; children safe at home for longer.",
        "evidence": "Two in three families brought a plan. Where they did, repeat plans within a year were fewer, but these families may have been stronger to begin with.",
        "data": "Plans, their length and repeats are recorded. The data manager can take them out by month and by chair.",
        "comparison": "no",
        "readiness": "The service is in the budget for two years. Our case management system will be replaced next autumn, which is a risk to the data.",
        "scale": "A coordinator for sixty families a year and two days of training for chairs.",
        "ethics": "Where somebody is afraid of a relative, that person is not invited, and the worker checks first. Children choose whether to come or to send a drawing or a letter.",
    },
    "Practice weeks": {
        "summary": "Four times a year all leaders spend a week in practice on one theme, with families who tell them how it is.",
        "group": "Social workers, and the families whom they work with",
        "lead_role": "Principal social worker",
        "done": "For one week on one theme, such as visits after separation, every leader sits in on visits, reads records with the worker and hears five families. On the Friday the themes and three things to change are agreed and sent to all.",
        "since": "April 2022",
        "families": "210",
        "need": "Workers said that audits found faults and changed nothing. Leaders had not been on a visit for years.",
        "logic": "Leaders see practice; workers are heard; three changes in a week; skills grow; families notice.",
        "evidence": "Workers who took part felt more confident about the theme three months later. Whether families notice we do not know.",
        "data": "A short survey of workers before and after, and compliments and complaints. Families are not asked regularly yet.",
        "comparison": "no",
        "readiness": "It is part of the year's plan and needs no new money. The principal social worker gives one day a week.",
        "scale": "A guide and two calls with a council that has done it.",
        "ethics": "Families agree to each visit and can say no without giving a reason. Records are read with the worker, never about them.",
    },
    "Online circle for adopters": {
        "summary": "Adopters meet online in a closed group with a therapist for twelve weeks in the first year of placement.",
        "group": "Adoptive families in the first year",
        "lead_role": "Head of practice",
        "done": "Eight families meet on a screen on Tuesday evenings with a therapist and an experienced adopter. Between meetings they can write to each other in a closed space that staff look at on working days.",
        "since": "October 2023",
        "families": "64",
        "need": "Adopters who live far apart could not come to groups. In a survey half had nobody to talk to who had adopted.",
        "logic": "A therapist and an adopter; weekly circles; parents are less alone and understand behaviour; they stay calm; children settle.",
        "evidence": "Fifty-five of 64 finished. Stress on a standard scale fell; there was no comparison group.",
        "data": "The scale at the start, the middle and the end, and attendance, in our own records. The research officer takes out totals.",
        "comparison": "yes",
        "readiness": "Funded until next summer. Two therapists are trained, one more is in training.",
        "scale": "A session guide and a licence for the closed space. About £400 a family.",
        "ethics": "Adopters agree in writing and can leave. Families without a good connection are lent a device. What is said about a child stays in the circle, save for safety.",
    },
}
