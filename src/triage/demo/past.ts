/** Past issues: the thirty issues of an invented web shop that the demo begins with, each with its kind. */
import type { Kind } from "../classify/kind.ts"

export interface PastIssue {
  title: string
  body: string
  kind: Kind
}

const bug = (title: string, body: string): PastIssue => ({ title, body, kind: "bug" })
const feature = (title: string, body: string): PastIssue => ({ title, body, kind: "feature" })
const question = (title: string, body: string): PastIssue => ({ title, body, kind: "question" })
const docs = (title: string, body: string): PastIssue => ({ title, body, kind: "docs" })

/** Oldest first: the first one is issue #1. */
export const PAST: readonly PastIssue[] = [
  bug(
    "Checkout button does nothing on iOS Safari",
    "### Steps to reproduce\n1. Add a product to the cart\n2. Open the cart on an iPhone\n3. Tap Checkout\n\n### Expected behaviour\nThe address page opens.\n\n### Actual behaviour\nNothing happens. The console shows `TypeError: undefined is not an object`.",
  ),
  feature(
    "Let customers save carts for later",
    "It would be nice if a customer could keep a cart and come back to it next week. Right now everything is gone after the session ends.",
  ),
  question(
    "How do I change the currency of a single product?",
    "I have a shop in euros but one supplier wants dollars. Is there a way to set the currency for one product only?",
  ),
  bug(
    "Discount code is applied twice after reloading the cart",
    "After upgrading to 2.3 a 10 % code takes off 20 % when the cart page is reloaded. It used to work in 2.2.",
  ),
  docs("Typo in the payment provider guide", "The docs say `STRIPE_SECERT`, it should be `STRIPE_SECRET`."),
  bug(
    "Crash when an order has no shipping address",
    "```\nTypeError: Cannot read properties of null (reading 'country')\n    at shippingZone (src/shipping.js:41:19)\n    at Order.total (src/order.js:112:7)\n```\nHappens for every digital product.",
  ),
  feature("Support Apple Pay", "Many of our customers ask for Apple Pay. Please add it next to the card form."),
  question(
    "Can I run the shop behind a reverse proxy?",
    "We use nginx under `/store`. What is the recommended way to set the base path?",
  ),
  bug(
    "Product images are stretched in the grid view",
    "Since the last release portrait pictures fill the whole tile and look wrong. Expected: they keep their proportions.",
  ),
  feature("Add a dark theme", "A dark theme for the storefront would be great, at least as an option in the settings."),
  bug(
    "Order confirmation e-mail is sent in the wrong language",
    "A customer with the French locale gets the English mail. Steps: switch the locale, order, look at the mail.",
  ),
  docs(
    "README does not mention the required Node version",
    "The README should say which version of Node is needed. I lost an hour with an older one.",
  ),
  bug(
    "Search returns no results for words with umlauts",
    'Searching for "Küche" finds nothing although three products have it in their name. Without the umlaut nothing is found either.',
  ),
  question(
    "Why are prices shown without tax in the admin?",
    "Is this on purpose? I could not find anything about it and I am not sure what the customer sees.",
  ),
  feature(
    "Export orders as CSV",
    "I would like to be able to export the orders of a month as a CSV file for our accountant.",
  ),
  bug(
    "Stock goes negative when two people buy the last item",
    "Two orders within the same second both succeed and the stock is -1 afterwards. This should fail for the second one.",
  ),
  bug(
    "Admin login loops after the password was changed",
    "After changing the password I am sent back to the login page again and again. Clearing the cookies helps.",
  ),
  feature(
    "Option to hide products that are sold out",
    "Please add a setting that hides sold out products from the category pages.",
  ),
  question(
    "What is the best way to import 20,000 products?",
    "The CSV import works for a few hundred. How should I import a large catalogue, is there an API for it?",
  ),
  docs(
    "Broken link on the theming page",
    "The link to the template reference on the theming page of the documentation leads to a 404.",
  ),
  bug(
    "Refund fails with error 500 for partial amounts",
    "Refunding 5.00 of 20.00 gives `Error: amount must be an integer` and the refund page shows error 500.",
  ),
  feature(
    "Webhook when an order is shipped",
    "A webhook for shipped orders would let us tell our warehouse. Right now we poll the API.",
  ),
  bug(
    "Cart badge shows the wrong number after removing an item",
    "Remove one of three items: the badge still says 3 until the page is reloaded.",
  ),
  question(
    "Is it possible to use two payment providers at once?",
    "We would like cards with one provider and invoices with another. Does anyone do this?",
  ),
  bug(
    "Memory leak in the image resizer",
    "The worker grows by about 50 MB an hour while resizing and is killed after a day. Heap snapshot shows buffers that are never freed.",
  ),
  feature(
    "Allow several addresses per customer",
    "Customers should be able to keep a home and a work address and choose at checkout.",
  ),
  bug("Sitemap lists deleted products", "Products that were deleted stay in sitemap.xml and lead to a 404."),
  docs(
    "Document how to write a shipping plugin",
    "There is an interface for shipping plugins but the documentation has no page about it. An example would help.",
  ),
  bug(
    "Coupon with an end date stops working one day early",
    "A coupon that ends on 31 March is refused on 31 March. Expected: it works until midnight in the shop's time zone.",
  ),
  question(
    "How can I test webhooks on my own machine?",
    "I am trying to understand how to receive the payment webhook on localhost. Any advice?",
  ),
]
